import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { SPECS } from '../../protocols/specs.ts'
import { eventually } from './support/eventually.ts'
import { blobId, INFO, keyOf, primary } from './support/fakes.ts'
import { type TestClient, type TestServer, testPeers } from './support/peers.ts'

describe('streams and connections of a client', () => {
  const peers = testPeers()
  let server: TestServer
  let reader: TestClient

  beforeEach(async () => {
    server = await peers.server()
    reader = await peers.client()
  })
  afterEach(() => peers.stop())

  const streams = (protocol: keyof typeof SPECS) =>
    server.libp2p
      .getConnections()
      .flatMap(({ streams }) => streams)
      .filter(stream => stream.protocol === SPECS[protocol].id)
  const items = (count: number) =>
    Array.from({ length: count }, (_, pair) => ({ blobId: blobId(1), ref: primary(pair) }))

  it('dials once for all requests, also those made at the same time', async () => {
    await Promise.all([
      reader.client.connect(server.address),
      ...Array.from({ length: 5 }, () => reader.client.nodeInfo(server.address)),
      reader.client.blobStatus(server.address, blobId(1)),
    ])
    assert.equal(server.libp2p.getConnections().length, 1)
  })

  it('lets one who gave up not end the dial for the others', async () => {
    const controller = new AbortController()
    const reason = new Error('gave up')
    const given = assert.rejects(
      reader.client.nodeInfo(server.address, { signal: controller.signal }),
      reason,
    )
    const asked = reader.client.nodeInfo(server.address)
    controller.abort(reason)
    await given
    assert.deepEqual(await asked, INFO)
  })

  it('opens no more streams than the peer allows, and makes the others wait', async () => {
    const limit = SPECS.fetch.streamsPerPeer
    let reading = 0
    const gate = Promise.withResolvers<void>()
    server.node.slivers.get = async () => {
      reading++
      await gate.promise
      return undefined
    }
    const fetchOne = async () => {
      for await (const _ of reader.client.fetch(server.address, items(1))) return true
    }
    const all = Array.from({ length: limit + 5 }, fetchOne)
    // the quota lets only so many reads begin; the streams are open all the same
    await eventually(
      () => streams('fetch').length === limit && reading > 0,
      () => `${streams('fetch').length} streams, ${reading} reads`,
    )
    gate.resolve()
    assert.equal((await Promise.all(all)).filter(Boolean).length, limit + 5)
    // the server's end of a stream is over a moment after the client's
    await eventually(
      () => server.metrics.outcomes.length === limit + 5,
      () => `${server.metrics.outcomes}`,
    )
    assert.ok(server.metrics.outcomes.every(outcome => outcome === 'fetch ok'))
  })

  it('leaves nothing behind when a fetch is left or aborted midway', async () => {
    for (const { blobId: id, ref } of items(10)) {
      server.node.slivers.stored.set(keyOf(id, ref), new Uint8Array(1_000_000))
    }
    for await (const { bytes } of reader.client.fetch(server.address, items(10))) {
      assert.equal(bytes?.length, 1_000_000)
      break
    }
    const controller = new AbortController()
    const reason = new Error('seen enough')
    await assert.rejects(async () => {
      for await (const _ of reader.client.fetch(server.address, items(10), { signal: controller.signal })) {
        controller.abort(reason)
      }
    }, reason)
    await eventually(
      () => streams('fetch').length === 0,
      () => `${streams('fetch').length} streams`,
    )
    let whole = 0
    for await (const _ of reader.client.fetch(server.address, items(10))) whole++
    assert.equal(whole, 10)
  })

  it('keeps the stream of one who leaves with the last sliver', async () => {
    server.node.slivers.stored.set(keyOf(blobId(1), primary(0)), new Uint8Array(1_000))
    const opened = new Set<string>()
    for (let i = 0; i < 3; i++) {
      for await (const { bytes } of reader.client.fetch(server.address, items(1))) {
        assert.equal(bytes?.length, 1_000)
        break
      }
      for (const { id } of streams('fetch')) opened.add(id)
    }
    assert.equal(opened.size, 1)
    const outcomes = () => server.metrics.outcomes.join()
    await eventually(() => outcomes() === 'fetch ok,fetch ok,fetch ok', outcomes)
  })

  it('makes the server wait while the consumer does', async () => {
    let reads = 0
    server.node.slivers.get = async () => {
      reads++
      return new Uint8Array(4_000_000)
    }
    let seen = 0
    for await (const _ of reader.client.fetch(server.address, items(12))) {
      if (++seen === 2) {
        await eventually(
          () => streams('fetch').some(({ writableNeedsDrain }) => writableNeedsDrain),
          () => 'the server does not wait',
        )
        // one that did not wait would have read all by then
        for (let i = 0; i < 200; i++) await nextTurn()
        // all buffers between the two hold less than two slivers
        assert.ok(reads <= 5, `${reads} slivers read ahead`)
      }
    }
    assert.equal(seen, 12)
  })

  it('asks in several requests when there are too many items for one', async () => {
    const refs = Array.from({ length: 4_001 }, (_, pair) => ({ blobId: blobId(1), ref: primary(pair) }))
    const pairs = new Set<number>()
    for await (const { ref } of reader.client.fetch(server.address, refs)) pairs.add(ref.pair)
    assert.equal(pairs.size, refs.length)
    const outcomes = () => server.metrics.outcomes.join()
    await eventually(() => outcomes() === 'fetch ok,fetch ok,fetch ok', outcomes)
  })

  it('fetches nothing without asking', async () => {
    for await (const _ of reader.client.fetch(server.address, [])) assert.fail()
    assert.equal(server.libp2p.getConnections().length, 0)
  })

  it('is served again after the server was stopped and started', async () => {
    await reader.client.nodeInfo(server.address)
    await server.stop()
    await assert.rejects(reader.client.nodeInfo(server.address), { code: 'REFUSED' })
    await server.start()
    assert.deepEqual(await reader.client.nodeInfo(server.address), INFO)
  })

  it('dials again when the connection is gone', async () => {
    await reader.client.nodeInfo(server.address)
    for (const connection of server.libp2p.getConnections()) connection.abort(new Error('cut'))
    await eventually(
      () => reader.libp2p.getConnections().every(({ status }) => status !== 'open'),
      () => 'still connected',
    )
    assert.deepEqual(await reader.client.nodeInfo(server.address), INFO)
  })

  it('is closed at the end of a block that holds it', async () => {
    {
      using client = reader.client
      assert.deepEqual(await client.nodeInfo(server.address), INFO)
    }
    await assert.rejects(reader.client.nodeInfo(server.address), { code: 'CLOSED' })
  })

  it('ends everything when it is closed', async () => {
    server.node.slivers.get = (_, __, options) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason))
      })
    const pending = (async () => {
      for await (const _ of reader.client.fetch(server.address, items(1))) assert.fail()
    })()
    await eventually(
      () => streams('fetch').length === 1,
      () => 'no stream',
    )
    const ended = assert.rejects(pending, { name: 'ProtocolError' })
    reader.client.close()
    await ended
    await assert.rejects(reader.client.nodeInfo(server.address), { code: 'CLOSED' })
    await eventually(
      () => streams('fetch').length === 0,
      () => 'stream is still open',
    )
  })
})
