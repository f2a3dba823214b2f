import assert from 'node:assert/strict'
import type { NetworkNode } from '../../node/network/libp2p.ts'
import { FetchAnswer, FetchRequest } from '../../protocols/fetch/messages.ts'
import { type ProtocolError, type ProtocolErrorCode, SLIVER_PIECE_BYTES } from '../../protocols/index.ts'
import { QUOTAS, SPECS } from '../../protocols/specs.ts'
import { StatusRequest } from '../../protocols/status/messages.ts'
import { SliverHeader, StoreRequest, StoreWanted } from '../../protocols/store/messages.ts'
import { readBody, writeBody } from '../../protocols/stream/body.ts'
import { encodeFrame } from '../../protocols/stream/frame.ts'
import { ClientHello } from '../../protocols/wire.ts'
import { eventually } from './support/eventually.ts'
import {
  blobId,
  INFO,
  metadataOf,
  NETWORK,
  OTHER_NETWORK,
  primary,
  secondary,
  sliverBytes,
  WHOLE,
} from './support/fakes.ts'
import { type TestClient, type TestServer, testPeers } from './support/peers.ts'
import { greet, hear, openRaw, type RawStream, say } from './support/raw.ts'

const MIB = 1024 * 1024

describe('a server among hostile clients', () => {
  const peers = testPeers()
  let server: TestServer
  let hostile: TestClient
  let honest: TestClient

  beforeEach(async () => {
    server = await peers.server()
    hostile = await peers.client()
    honest = await peers.client()
  })
  // each test ends with an honest request: whatever happened, the server goes on serving
  afterEach(async () => {
    assert.deepEqual(await honest.client.nodeInfo(server.address), INFO)
    assert.equal(server.node.openSessions, 0)
    await peers.stop()
  })

  const refused = async <Code extends ProtocolErrorCode>(raw: RawStream, code: Code) => {
    const error = await raw.refusal()
    assert.equal(error.code, code)
    return error as ProtocolError<Code>
  }
  const header = (length = 100_000) => ({
    metadata: metadataOf(blobId(1), length),
    persistence: { kind: 'permanent' as const },
    registerDigest: '',
  })

  it('refuses a message over the declared limit before it is sent', async () => {
    const raw = await greet(hostile.libp2p, server.address, 'status')
    const limitBytes = SPECS.status.maxRequestBytes
    // only the prefix: a server that buffered first would wait for the rest
    await raw.writer.write(encodeFrame(new Uint8Array(limitBytes + 1)).subarray(0, 3))
    const error = await refused(raw, 'TOO_LARGE')
    assert.deepEqual(error.details, { limitBytes: String(limitBytes), actualBytes: String(limitBytes + 1) })
  })

  it('refuses a hello over the limit', async () => {
    const raw = await openRaw(hostile.libp2p, server.address, 'status')
    await raw.writer.write(Uint8Array.of(0xff, 0xff, 0x7f))
    await refused(raw, 'TOO_LARGE')
  })

  for (const [what, prefix] of [
    ['that never ends', [0xff, 0xff, 0xff, 0xff, 0xff]],
    ['that is not the shortest', [0x81, 0x00, 0x00]],
  ] as const) {
    it(`refuses a length prefix ${what}`, async () => {
      const raw = await greet(hostile.libp2p, server.address, 'fetch')
      await raw.writer.write(Uint8Array.from(prefix))
      await refused(raw, 'MALFORMED')
    })
  }

  it('refuses trailing bytes', async () => {
    const raw = await greet(hostile.libp2p, server.address, 'status')
    const request = StatusRequest.encode({ NodeInfo: true })
    await raw.send(Uint8Array.from([...request, 0]))
    await refused(raw, 'MALFORMED')
  })

  it('refuses a message of a later version', async () => {
    const raw = await greet(hostile.libp2p, server.address, 'status')
    await raw.send(Uint8Array.from([1, 2]))
    await refused(raw, 'MALFORMED')
  })

  it('tells a peer of another network which one this is, and hangs up', async () => {
    const raw = await openRaw(hostile.libp2p, server.address, 'fetch')
    await raw.send(ClientHello.encode({ network: OTHER_NETWORK }))
    const error = await refused(raw, 'WRONG_NETWORK')
    assert.equal(error.details.network, NETWORK)
    await eventually(
      () => raw.connection.status !== 'open',
      () => raw.connection.status,
    )
  })

  it('notices a request that ends midway', async () => {
    const raw = await greet(hostile.libp2p, server.address, 'fetch')
    await raw.writer.write(encodeFrame(new Uint8Array(100)).subarray(0, 50))
    await raw.writer.close()
    await refused(raw, 'TRUNCATED')
  })

  it('holds one sliver for a reader that stalls, and lets go of it in time', async () => {
    const quick = { ...SPECS, fetch: { ...SPECS.fetch, chunkTimeoutMs: 500 } }
    server = await peers.server({ specs: quick })
    let reads = 0
    const sliver = new Uint8Array(8 * MIB)
    server.node.slivers.get = async () => {
      reads++
      return sliver
    }
    const raw = await greet(hostile.libp2p, server.address, 'fetch')
    const items = Array.from({ length: 50 }, (_, i) => ({ blobId: blobId(9), ref: primary(i), ...WHOLE }))
    raw.stream.pause()
    await say(raw, FetchRequest, { items })
    await eventually(
      () => server.metrics.outcomes.includes('fetch TIMEOUT'),
      () => server.metrics.outcomes.join(),
    )
    assert.equal(reads, 1)
    const buffered = server.libp2p
      .getConnections()
      .flatMap(({ streams }) => streams.map(s => s.writeBufferLength))
    assert.ok(Math.max(0, ...buffered) < MIB)
  })

  it('refuses slivers whose bytes, size or name are wrong', async () => {
    const { metadata } = header()
    const good = sliverBytes(metadata, primary(0))
    const upload = async (ref = primary(0), length = good.length): Promise<RawStream> => {
      const raw = await greet(hostile.libp2p, server.address, 'store')
      await say(raw, StoreRequest, header())
      assert.deepEqual((await hear(raw, StoreWanted)).slivers, server.node.wanted)
      await say(raw, SliverHeader, { ref, length })
      return raw
    }

    const damaged = await upload()
    await damaged.writer.write(good.with(-1, 0))
    await refused(damaged, 'SLIVER_MISMATCH')

    const large = await refused(await upload(primary(0), good.length + 1), 'SLIVER_SIZE')
    assert.equal(large.details.expectedBytes, String(good.length))
    await refused(await upload(primary(0), 2 ** 32 - 1), 'SLIVER_SIZE')
    await refused(await upload(secondary(0), good.length), 'SLIVER_SIZE')
    await refused(await upload(primary(5)), 'UNWANTED_SLIVER')

    const twice = await upload()
    await writeBody(twice.writer, good)
    await say(twice, SliverHeader, { ref: primary(0), length: good.length })
    await refused(twice, 'UNWANTED_SLIVER')
    assert.equal(server.node.slivers.stored.size, 1)
  })

  it('ends the session of an upload that is reset midway', async () => {
    const raw = await greet(hostile.libp2p, server.address, 'store')
    await say(raw, StoreRequest, header())
    await hear(raw, StoreWanted)
    const bytes = sliverBytes(header().metadata, primary(0))
    await say(raw, SliverHeader, { ref: primary(0), length: bytes.length })
    await raw.writer.write(bytes.subarray(0, 1_000))
    assert.equal(server.node.openSessions, 1)
    raw.abort(new Error('gone'))
    await eventually(
      () => server.node.openSessions === 0,
      () => `${server.node.openSessions} sessions`,
    )
    assert.equal(server.node.slivers.stored.size, 0)
  })

  it('says busy above the streams of a peer, and counts them over its connections', async () => {
    const refusals: string[] = []
    let underWay = 0
    server = await peers.server({
      refused: reason => refusals.push(reason),
      serving() {
        underWay++
        return () => void underWay--
      },
    })
    const open = await Promise.all(
      Array.from({ length: SPECS.status.streamsPerPeer }, () =>
        greet(hostile.libp2p, server.address, 'status'),
      ),
    )
    const error = await refused(await openRaw(hostile.libp2p, server.address, 'status'), 'BUSY')
    assert.ok(error.retryAfterMs)
    assert.deepEqual(refusals, ['busy'])
    // streams that ask for nothing keep no connection
    assert.equal(underWay, 0)
    open[0]!.abort(new Error('one less'))
    await eventually(
      () => server.libp2p.getConnections().flatMap(({ streams }) => streams).length < open.length,
      () => 'streams',
    )
    await greet(hostile.libp2p, server.address, 'status')
  })

  it('tells whose request is under way, so that the connection is kept meanwhile', async () => {
    const served: string[] = []
    server = await peers.server({
      serving({ remotePeer }) {
        served.push(remotePeer.toString())
        return () => void served.splice(served.indexOf(remotePeer.toString()), 1)
      },
    })
    const reading = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<undefined>()
    server.node.slivers.get = () => {
      reading.resolve()
      return gate.promise
    }
    const raw = await greet(hostile.libp2p, server.address, 'fetch')
    await say(raw, FetchRequest, { items: [{ blobId: blobId(1), ref: primary(0), ...WHOLE }] })
    await reading.promise
    assert.deepEqual(served, [hostile.libp2p.peerId.toString()])
    gate.resolve(undefined)
    await hear(raw, FetchAnswer)
    await eventually(
      () => served.length === 0,
      () => served.join(),
    )
  })

  it('shuts out a peer that fails again and again, and nobody else', async () => {
    const limits = { ...QUOTAS, peer: { ...QUOTAS.peer, failures: 3 } }
    const refusals: string[] = []
    server = await peers.server({ quotas: limits, refused: reason => refusals.push(reason) })
    for (let i = 0; i < 3; i++) {
      const raw = await greet(hostile.libp2p, server.address, 'status')
      await raw.send(Uint8Array.of(9))
      await refused(raw, 'MALFORMED')
    }
    const error = await refused(await openRaw(hostile.libp2p, server.address, 'status'), 'TOO_MANY_FAILURES')
    assert.ok(error.retryAfterMs! > 50_000)
    assert.deepEqual(refusals, ['failures'])
  })

  it('holds a piece of each sliver that is taken slowly, and serves others meanwhile', async () => {
    const limits = { ...QUOTAS, peer: { ...QUOTAS.peer, pieces: 3 }, nodePieces: 4 }
    server = await peers.server({ quotas: limits })
    const length = 16 * SLIVER_PIECE_BYTES
    let opened = 0
    let read = 0
    server.node.slivers.open = async () => {
      opened++
      return {
        length,
        read: async (_, bytes) => {
          read += bytes
          return new Uint8Array(bytes)
        },
      }
    }
    const fetchOne = async (libp2p: NetworkNode, pair: number) => {
      const raw = await greet(libp2p, server.address, 'fetch')
      await say(raw, FetchRequest, { items: [{ blobId: blobId(1), ref: primary(pair), ...WHOLE }] })
      return raw
    }
    const stalled = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const raw = await fetchOne(hostile.libp2p, i)
        raw.stream.pause()
        return raw
      }),
    )
    await eventually(
      () => opened === 3 && read >= 3 * SLIVER_PIECE_BYTES,
      () => `${opened} opened, ${read} bytes read`,
    )
    // what the transport buffers is small beside what the slivers are
    assert.ok(read <= 3 * 10 * SLIVER_PIECE_BYTES, `${read} bytes read for readers that take nothing`)
    const { libp2p } = await peers.client()
    const other = await fetchOne(libp2p, 9)
    assert.equal((await hear(other, FetchAnswer)).total, length)
    await readBody(other.reader, new Uint8Array(length))
    const begun = stalled.filter(({ stream }) => stream.readBufferLength > 0)
    assert.equal(begun.length, 3)
    for (const raw of begun) raw.abort(new Error('gives up'))
    await eventually(
      () => opened === 7,
      () => `${opened} opened`,
    )
    for (const raw of stalled) raw.abort(new Error('gives up'))
  })

  it('cuts an answer off when its sliver goes, rather than sending words in its place', async () => {
    server.node.slivers.open = async () => ({
      length: 3 * SLIVER_PIECE_BYTES,
      read: async (offset, bytes) => (offset === 0 ? new Uint8Array(bytes) : undefined),
    })
    const raw = await greet(hostile.libp2p, server.address, 'fetch')
    await say(raw, FetchRequest, { items: [{ blobId: blobId(1), ref: primary(0), ...WHOLE }] })
    assert.equal((await hear(raw, FetchAnswer)).total, 3 * SLIVER_PIECE_BYTES)
    await assert.rejects(readBody(raw.reader, new Uint8Array(3 * SLIVER_PIECE_BYTES)), {
      code: 'CONNECTION_LOST',
    })
  })

  it('tells a client nothing of its own trouble', async () => {
    server.node.slivers.get = async () => {
      throw new Error('EIO: /var/secret/path')
    }
    const raw = await greet(hostile.libp2p, server.address, 'fetch')
    await say(raw, FetchRequest, { items: [{ blobId: blobId(1), ref: primary(0), ...WHOLE }] })
    const bytes = await raw.receive(10_000)
    assert.ok(!Buffer.from(bytes).includes('secret'))
    server.node.slivers.get = async () => undefined
  })

  it('stops in the middle of it all', async () => {
    const stopped = await peers.server()
    const reading = Promise.withResolvers<void>()
    stopped.node.slivers.get = (_, __, options) => {
      reading.resolve()
      return new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason))
      })
    }
    const raw = await greet(hostile.libp2p, stopped.address, 'fetch')
    await say(raw, FetchRequest, { items: [{ blobId: blobId(1), ref: primary(0), ...WHOLE }] })
    await reading.promise
    const refusal = refused(raw, 'STOPPING')
    await stopped.stop()
    await refusal
  })
})
