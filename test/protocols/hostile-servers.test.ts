import assert from 'node:assert/strict'
import { bcs } from '@mysten/bcs'
import { FetchAnswer, FetchRequest } from '../../protocols/fetch/messages.ts'
import { ProtocolError, type ProtocolErrorCode } from '../../protocols/index.ts'
import { MetadataReply, StatusRequest } from '../../protocols/status/messages.ts'
import { SliverHeader, StoreConfirmed, StoreRequest, StoreWanted } from '../../protocols/store/messages.ts'
import { writeBody } from '../../protocols/stream/body.ts'
import type { Channel } from '../../protocols/stream/channel.ts'
import { encodeError, message } from '../../protocols/wire.ts'
import { eventually } from './support/eventually.ts'
import { blobId, EPOCH, metadataOf, OTHER_NETWORK, primary, secondary, sliverBytes } from './support/fakes.ts'
import type { HandServer } from './support/hand-server.ts'
import { HurriedClock } from './support/hurried-clock.ts'
import { type TestClient, testPeers } from './support/peers.ts'

describe('a client among hostile servers', () => {
  const peers = testPeers()
  let reader: TestClient
  let server: HandServer

  before(async () => {
    reader = await peers.client({ clock: new HurriedClock() })
    server = await peers.byHand()
  })
  after(() => peers.stop())
  afterEach(() => server.forget())

  const forever = new Promise<never>(() => {})

  const rejects = (promise: Promise<unknown>, code: ProtocolErrorCode): Promise<void> =>
    assert.rejects(promise, error => {
      assert.ok(error instanceof ProtocolError, String(error))
      assert.equal(error.code, code)
      return true
    })

  const items = [primary(0), secondary(1)].map(ref => ({ blobId: blobId(1), ref, maxBytes: 1_000 }))
  const fetchAll = async (options?: { signal: AbortSignal }): Promise<number> => {
    let answers = 0
    for await (const _ of reader.client.fetch(server.address, items, options)) answers++
    return answers
  }
  /** Answers a fetch by hand. */
  const answering = (answer: (channel: Channel) => Promise<void>) =>
    server.answering('fetch', FetchRequest, answer)
  const answer = (channel: Channel, index: number, total: number | null) =>
    channel.send(FetchAnswer.encode({ index, total }))

  it('refuses answers to what it did not ask, or asked once', async () => {
    await answering(channel => answer(channel, 2, null))
    await rejects(fetchAll(), 'VIOLATION')
    await answering(async channel => {
      await answer(channel, 0, null)
      await answer(channel, 0, null)
    })
    await rejects(fetchAll(), 'VIOLATION')
  })

  it('takes answers in any order', async () => {
    await answering(async channel => {
      await answer(channel, 1, 3)
      await writeBody(channel.writer, Uint8Array.of(1, 2, 3))
      await answer(channel, 0, null)
    })
    const got = []
    for await (const { ref, bytes } of reader.client.fetch(server.address, items))
      got.push([ref.axis, bytes?.length])
    assert.deepEqual(got, [
      ['secondary', 3],
      ['primary', undefined],
    ])
  })

  it('refuses a sliver longer than it can be', async () => {
    await answering(channel => answer(channel, 0, 1_001))
    await rejects(fetchAll(), 'TOO_LARGE')
  })

  it('notices an early end and a reset', async () => {
    let asked = 0
    await answering(async channel => {
      await answer(channel, 0, 10)
      if (asked++ === 0) await channel.writer.write(new Uint8Array(9))
      await channel.writer.close()
    })
    await rejects(fetchAll(), 'TRUNCATED')
    // it goes on five times
    assert.equal(asked, 6)
    await answering(async channel => {
      await answer(channel, 0, 10)
      channel.abort(new Error('reset'))
    })
    await rejects(fetchAll(), 'CONNECTION_LOST')
  })

  it('takes no other length of a sliver when it goes on with it', async () => {
    let asked = 0
    await answering(async channel => {
      await answer(channel, 0, 10 + asked++)
      await channel.writer.write(new Uint8Array(5))
      await channel.writer.close()
    })
    await rejects(fetchAll(), 'VIOLATION')
    assert.equal(asked, 2)
  })

  it('does not wait for ever, nor longer than the caller', async () => {
    await answering(() => forever)
    const reason = new Error('enough')
    const controller = new AbortController()
    const pending = assert.rejects(fetchAll({ signal: controller.signal }), reason)
    setImmediate(() => controller.abort(reason))
    await pending
    await assert.rejects(fetchAll({ signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' })
  })

  it('knows an error by its code, also one from a later version', async () => {
    await answering(channel => channel.send(encodeError(new ProtocolError('BUSY', { retryAfterMs: 1_234 }))))
    await assert.rejects(fetchAll(), { code: 'BUSY', retryAfterMs: 1_234, remote: true })
    // V1, Error, code 999, no time, one argument
    const later = Uint8Array.from([0, 1, 0xe7, 3, 0, 0, 0, 0, 1, 1, 0x41])
    await answering(channel => channel.send(later))
    await assert.rejects(fetchAll(), { code: 'UNKNOWN', remote: true })
  })

  it('hangs up on another network', async () => {
    await server.behave('status', async () => {}, OTHER_NETWORK)
    const asked = reader.client.nodeInfo(server.address)
    await assert.rejects(asked, { code: 'WRONG_NETWORK' })
    const open = () =>
      reader.libp2p.getConnections(server.libp2p.peerId).filter(({ status }) => status === 'open').length
    await eventually(
      () => open() === 0,
      () => `${open()} connections`,
    )
  })

  it('says whether a peer cannot be reached or does not serve', async () => {
    await rejects(reader.client.nodeInfo(server.address), 'REFUSED')
    const peerId = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
    const started = performance.now()
    const absent = { peerId, multiaddrs: ['/ip4/127.0.0.1/tcp/1'] }
    await rejects(reader.client.nodeInfo(absent), 'UNREACHABLE')
    await rejects(reader.client.nodeInfo({ peerId: 'nonsense', multiaddrs: [] }), 'UNREACHABLE')
    await rejects(reader.client.nodeInfo({ peerId, multiaddrs: ['nonsense'] }), 'UNREACHABLE')
    assert.ok(performance.now() - started < 3_000)
    // somebody else at the address
    await rejects(
      reader.client.nodeInfo({
        ...absent,
        multiaddrs: server.libp2p.getMultiaddrs().map(a => String(a.decapsulate('/p2p'))),
      }),
      'UNREACHABLE',
    )
  })

  it('is not sent to another peer by an address that names it', async () => {
    const peerId = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
    await rejects(reader.client.nodeInfo({ ...server.address, peerId }), 'UNREACHABLE')
  })

  it('asks again when a stream that was kept open is gone', async () => {
    let streams = 0
    await server.behave('status', async channel => {
      streams++
      StatusRequest.decode(await channel.receive(10_000))
      await channel.send(MetadataReply.encode({ metadata: null }))
      // the next request is met by a reset
      if (streams === 1) {
        await channel.receive(10_000)
        throw new Error('restarted')
      }
    })
    assert.equal(await reader.client.metadata(server.address, blobId(1)), undefined)
    assert.equal(await reader.client.metadata(server.address, blobId(2)), undefined)
    assert.equal(streams, 2)
  })

  it('refuses metadata of another blob', async () => {
    await server.behave('status', async channel => {
      await channel.receive(10_000)
      await channel.send(MetadataReply.encode({ metadata: metadataOf(blobId(2), 5) }))
    })
    await rejects(reader.client.metadata(server.address, blobId(1)), 'VIOLATION')
  })

  it('refuses bytes that nobody asked for', async () => {
    const Junk = message('Junk', bcs.string())
    await server.behave('status', async channel => {
      await channel.receive(10_000)
      await channel.send(Junk.encode('x'))
    })
    await rejects(reader.client.nodeInfo(server.address), 'MALFORMED')
  })

  describe('storing', () => {
    const metadata = metadataOf(blobId(1), 1_800_000)
    /** 7 MiB, more than all buffers between the two hold */
    const slivers = Array.from({ length: 10 }, (_, i) => [primary(i), secondary(i)]).flat()
    const store = (sliver = (ref: ReturnType<typeof primary>) => sliverBytes(metadata, ref)) =>
      reader.client.store(server.address, {
        header: { metadata, persistence: { kind: 'permanent' }, registerDigest: '' },
        sliver,
      })
    const wanting = (behaviour: (channel: Channel) => Promise<void>) =>
      server.behave('store', async channel => {
        StoreRequest.decode(await channel.receive(1_000_000))
        await channel.send(StoreWanted.encode({ epoch: EPOCH, slivers }))
        await behaviour(channel)
      })

    it('stops sending when the node refuses, with its reason', async () => {
      await wanting(async channel => {
        SliverHeader.decode(await channel.receive(1_000))
        // the rest is never read
        await channel.send(encodeError(new ProtocolError('NO_SPACE')))
      })
      await assert.rejects(store(), { code: 'NO_SPACE', remote: true })
    })

    it('takes no confirmation before everything is sent', async () => {
      await wanting(channel =>
        channel.send(StoreConfirmed.encode({ message: new Uint8Array(43), signature: new Uint8Array(96) })),
      )
      await rejects(store(), 'VIOLATION')
    })

    it('sends no sliver twice', async () => {
      let sent = 0
      await server.behave('store', async channel => {
        StoreRequest.decode(await channel.receive(1_000_000))
        await channel.send(StoreWanted.encode({ epoch: EPOCH, slivers: [...slivers, slivers[0]!] }))
        await forever
      })
      const counting = (ref: ReturnType<typeof primary>) => {
        sent++
        return sliverBytes(metadata, ref)
      }
      await rejects(store(counting), 'VIOLATION')
      assert.equal(sent, 0)
    })

    it('ends when the node does', async () => {
      await wanting(async channel => channel.abort(new Error('gone')))
      await rejects(store(), 'CONNECTION_LOST')
    })

    it('passes on that a sliver cannot be had', async () => {
      await wanting(() => forever)
      const failure = new Error('no such sliver')
      const failing = store(() => {
        throw failure
      })
      await assert.rejects(failing, failure)
    })
  })
})
