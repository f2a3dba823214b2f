import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../base/clock.ts'
import { type ProtocolError, QUOTAS, SPECS } from '../../protocols/index.ts'
import { type Channel, createChannel } from '../../protocols/stream/channel.ts'
import { encodeFrame } from '../../protocols/stream/frame.ts'
import { ClientHello, ServerHello } from '../../protocols/wire.ts'
import { eventually } from './support/eventually.ts'
import { INFO, NETWORK } from './support/fakes.ts'
import { type TestClient, type TestServer, testPeers } from './support/peers.ts'

const RELAY = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'

const LIMITS = { timeoutMs: 5_000 }

describe('a relayed connection', () => {
  const peers = testPeers()
  let server: TestServer
  afterEach(() => peers.stop())

  /** Both ends of a new connection, which from then on look as if a relay with limits were between them. */
  async function relay({ libp2p }: TestClient): Promise<{ near: Connection; far: Connection }> {
    const near = await libp2p.dial(server.address.multiaddrs.map(address => multiaddr(address)))
    const arrived = () => server.libp2p.getConnections(libp2p.peerId)
    await eventually(
      () => arrived().length > 0,
      () => 'the server has no connection',
    )
    const far = arrived()[0]!
    for (const end of [near, far]) {
      const remoteAddr = multiaddr(`/ip4/192.0.2.1/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${end.remotePeer}`)
      Object.assign(end, { direct: false, limits: { seconds: 120 }, remoteAddr })
    }
    return { near, far }
  }

  async function greet(connection: Connection): Promise<Channel> {
    const stream = await connection.newStream(SPECS.status.id, { runOnLimitedConnection: true })
    const channel = createChannel(stream, systemClock)
    await channel.send(ClientHello.encode({ network: NETWORK }))
    ServerHello.decode(await channel.receive(256, LIMITS))
    return channel
  }

  async function refusal(channel: Channel): Promise<string> {
    try {
      ServerHello.decode(await channel.receive(1_000, LIMITS))
    } catch (error) {
      return (error as ProtocolError).code
    } finally {
      channel.abort(new Error('seen enough'))
    }
    return 'no refusal'
  }

  it('carries requests though the relay announces limits', async () => {
    server = await peers.server()
    const reader = await peers.client()
    await relay(reader)
    assert.deepEqual(await reader.client.nodeInfo(server.address), INFO)
  })

  it('that ends amid a message is counted against nobody', async () => {
    const refusals: string[] = []
    const quotas = {
      ...QUOTAS,
      peer: { ...QUOTAS.peer, failures: 2 },
      address: { ...QUOTAS.address, failures: 2 },
    }
    server = await peers.server({ quotas, refused: reason => refusals.push(reason) })
    const reader = await peers.client()
    const { near, far } = await relay(reader)
    for (let i = 0; i < 3; i++) {
      const channel = await greet(near)
      await channel.writer.write(encodeFrame(new Uint8Array(100)).subarray(0, 50))
      await channel.writer.close()
      assert.equal(await refusal(channel), 'PATH_LOST')
    }
    await eventually(
      () => far.streams.length === 0,
      () => `${far.streams.length} streams are open`,
    )
    assert.deepEqual(await reader.client.nodeInfo(server.address), INFO)
    assert.deepEqual(refusals, [])
  })

  it('shares the account of its relay with all others through it', async () => {
    const quotas = { ...QUOTAS, address: { ...QUOTAS.address, failures: 2 } }
    server = await peers.server({ quotas })
    for (let i = 0; i < 2; i++) {
      const { near } = await relay(await peers.client())
      const channel = await greet(near)
      await channel.send(Uint8Array.of(9))
      assert.equal(await refusal(channel), 'MALFORMED')
    }
    const another = await peers.client()
    await relay(another)
    await assert.rejects(another.client.nodeInfo(server.address), { code: 'TOO_MANY_FAILURES' })
  })
})
