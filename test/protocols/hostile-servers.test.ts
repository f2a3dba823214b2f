import assert from 'node:assert/strict'
import { bcs } from '@mysten/bcs'
import type { NetworkNode } from '../../node/network/libp2p.ts'
import { createNetworkNode } from '../../node/network/libp2p.ts'
import { FetchAnswer, FetchRequest } from '../../protocols/fetch/messages.ts'
import { type PeerAddress, ProtocolError, type ProtocolErrorCode } from '../../protocols/index.ts'
import { SPECS } from '../../protocols/specs.ts'
import { MetadataReply, StatusRequest } from '../../protocols/status/messages.ts'
import { SliverHeader, StoreConfirmed, StoreRequest, StoreWanted } from '../../protocols/store/messages.ts'
import { writeBody } from '../../protocols/stream/body.ts'
import { type Channel, createChannel } from '../../protocols/stream/channel.ts'
import { ClientHello, encodeError, message, ServerHello } from '../../protocols/wire.ts'
import { eventually } from './support/eventually.ts'
import {
  blobId,
  EPOCH,
  metadataOf,
  NETWORK,
  OTHER_NETWORK,
  primary,
  secondary,
  sliverBytes,
} from './support/fakes.ts'
import { type TestClient, testPeers } from './support/peers.ts'
import { quietLog } from './support/quiet.ts'

type Behaviour = (channel: Channel) => Promise<void>

describe('a client among hostile servers', () => {
  const peers = testPeers()
  let reader: TestClient
  let node: NetworkNode
  let address: PeerAddress

  before(async () => {
    reader = await peers.client()
    node = await createNetworkNode({
      listen: ['/ip4/127.0.0.1/tcp/0'],
      network: NETWORK,
      roles: ['storage'],
      log: quietLog,
    })
    address = { peerId: node.peerId.toString(), multiaddrs: node.getMultiaddrs().map(String) }
  })
  after(async () => {
    await peers.stop()
    await node.stop()
  })
  afterEach(async () => {
    for (const { id } of Object.values(SPECS)) await node.unhandle(id)
  })

  /** A server that behaves as told once hellos are exchanged. */
  const behave = (protocol: keyof typeof SPECS, behaviour: Behaviour, network = NETWORK) =>
    node.handle(SPECS[protocol].id, async stream => {
      const channel = createChannel(stream)
      try {
        ClientHello.decode(await channel.receive(256))
        await channel.send(ServerHello.encode({ network }))
        await behaviour(channel)
        await channel.close({ timeoutMs: 5_000 })
      } catch (error) {
        channel.abort(error instanceof Error ? error : new Error('failed'))
      }
    })

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
    for await (const _ of reader.client.fetch(address, items, options)) answers++
    return answers
  }
  /** Answers a fetch by hand. */
  const answering = (behaviour: Behaviour) =>
    behave('fetch', async channel => {
      FetchRequest.decode(await channel.receive(100_000))
      await behaviour(channel)
    })
  const answer = (channel: Channel, index: number, length: number | null) =>
    channel.send(FetchAnswer.encode({ index, length }))

  it('refuses answers to what it did not ask, or asked once', async () => {
    await answering(channel => answer(channel, 2, null))
    await rejects(fetchAll(), 'VIOLATION')
    await node.unhandle(SPECS.fetch.id)
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
    for await (const { ref, bytes } of reader.client.fetch(address, items))
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
    await answering(async channel => {
      await answer(channel, 0, 10)
      await channel.writer.write(new Uint8Array(9))
      await channel.writer.close()
    })
    await rejects(fetchAll(), 'TRUNCATED')
    await node.unhandle(SPECS.fetch.id)
    await answering(async channel => {
      await answer(channel, 0, 10)
      channel.abort(new Error('reset'))
    })
    await rejects(fetchAll(), 'CONNECTION_LOST')
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
    await node.unhandle(SPECS.fetch.id)
    // V1, Error, code 999, no time, one argument
    const later = Uint8Array.from([0, 1, 0xe7, 3, 0, 0, 0, 0, 1, 1, 0x41])
    await answering(channel => channel.send(later))
    await assert.rejects(fetchAll(), { code: 'UNKNOWN', remote: true })
  })

  it('hangs up on another network', async () => {
    await behave('status', async () => {}, OTHER_NETWORK)
    const asked = reader.client.nodeInfo(address)
    await assert.rejects(asked, { code: 'WRONG_NETWORK' })
    const open = () =>
      reader.libp2p.getConnections(node.peerId).filter(({ status }) => status === 'open').length
    await eventually(
      () => open() === 0,
      () => `${open()} connections`,
    )
  })

  it('says whether a peer cannot be reached or does not serve', async () => {
    await rejects(reader.client.nodeInfo(address), 'REFUSED')
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
        multiaddrs: node.getMultiaddrs().map(a => String(a.decapsulate('/p2p'))),
      }),
      'UNREACHABLE',
    )
  })

  it('is not sent to another peer by an address that names it', async () => {
    const peerId = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
    await rejects(reader.client.nodeInfo({ ...address, peerId }), 'UNREACHABLE')
  })

  it('asks again when a stream that was kept open is gone', async () => {
    let streams = 0
    await behave('status', async channel => {
      streams++
      StatusRequest.decode(await channel.receive(10_000))
      await channel.send(MetadataReply.encode({ metadata: null }))
      // the next request is met by a reset
      if (streams === 1) {
        await channel.receive(10_000)
        throw new Error('restarted')
      }
    })
    assert.equal(await reader.client.metadata(address, blobId(1)), undefined)
    assert.equal(await reader.client.metadata(address, blobId(2)), undefined)
    assert.equal(streams, 2)
  })

  it('refuses metadata of another blob', async () => {
    await behave('status', async channel => {
      await channel.receive(10_000)
      await channel.send(MetadataReply.encode({ metadata: metadataOf(blobId(2), 5) }))
    })
    await rejects(reader.client.metadata(address, blobId(1)), 'VIOLATION')
  })

  it('refuses bytes that nobody asked for', async () => {
    const Junk = message('Junk', bcs.string())
    await behave('status', async channel => {
      await channel.receive(10_000)
      await channel.send(Junk.encode('x'))
    })
    await rejects(reader.client.nodeInfo(address), 'MALFORMED')
  })

  describe('storing', () => {
    const metadata = metadataOf(blobId(1), 1_800_000)
    /** 7 MiB, more than all buffers between the two hold */
    const slivers = Array.from({ length: 10 }, (_, i) => [primary(i), secondary(i)]).flat()
    const store = (sliver = (ref: ReturnType<typeof primary>) => sliverBytes(metadata, ref)) =>
      reader.client.store(address, {
        header: { metadata, persistence: { kind: 'permanent' }, registerDigest: '' },
        sliver,
      })
    const wanting = (behaviour: Behaviour) =>
      behave('store', async channel => {
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
      await behave('store', async channel => {
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
