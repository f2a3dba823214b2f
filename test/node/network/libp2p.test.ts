import assert from 'node:assert/strict'
import type { ObjectId } from '../../../codec/types.ts'
import { createNetworkNode, type NetworkNode, type NetworkNodeOptions } from '../../../node/network/libp2p.ts'
import { networkPublicKeyFromSeed, peerIdFromNetworkKey } from '../../../node/network/peer-id.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { NETWORK, OTHER_NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog } from '../../protocols/support/quiet.ts'

describe('network node', () => {
  const started: NetworkNode[] = []
  afterEach(async () => {
    for (const node of started.splice(0)) await node.stop()
  })

  const start = async (options: Partial<NetworkNodeOptions> = {}): Promise<NetworkNode> => {
    const node = await createNetworkNode({
      network: NETWORK,
      roles: ['storage'],
      listen: ['/ip4/127.0.0.1/tcp/0'],
      log: quietLog,
      ...options,
    })
    started.push(node)
    return node
  }
  const dht = (network: ObjectId) => `/floe/${network}/kad/1.0.0`

  it('has the PeerId of its network key', async () => {
    const seed = new Uint8Array(32).fill(5)
    const node = await start({ privateKey: seed })
    const onChain = await networkPublicKeyFromSeed(seed)
    assert.equal(node.peerId.toString(), peerIdFromNetworkKey(onChain).toString())
  })

  it('listens and meshes as a storage node only', async () => {
    const storage = await start()
    assert.equal(storage.getMultiaddrs().length, 1)
    assert.ok(storage.getProtocols().includes(dht(NETWORK)))
    assert.ok(storage.services.pubsub)
    for (const role of ['client', 'gateway'] as const) {
      const node = await start({ roles: [role] })
      assert.deepEqual(node.getMultiaddrs(), [])
      assert.ok(!node.getProtocols().includes(dht(NETWORK)))
      assert.deepEqual(Object.values(node.services).filter(Boolean), [])
    }
  })

  it('learns what a peer speaks: of members at once, of strangers who stay', async () => {
    for (const known of [true, false]) {
      const node = await start({ isKnown: () => known })
      const other = await start()
      await other.dial(node.getMultiaddrs())
      const learnt = new Set<string>()
      node.addEventListener('peer:identify', ({ detail }) => {
        for (const protocol of detail.protocols) learnt.add(protocol)
      })
      await eventually(
        () => learnt.has(dht(NETWORK)),
        () => `${known ? 'member' : 'stranger'}: ${[...learnt]}`,
      )
    }
  })

  it('is reached by TLS and by noise', async () => {
    const storage = await start()
    for (const [role, encryption] of [
      ['client', '/noise'],
      ['gateway', '/tls/1.0.0'],
    ] as const) {
      const node = await start({ roles: [role] })
      const connection = await node.dial(storage.getMultiaddrs())
      assert.equal(connection.encryption, encryption)
      assert.equal(connection.multiplexer, '/yamux/1.0.0')
    }
  })

  it('tells others the addresses that it is told to', async () => {
    const node = await start({ announce: ['/dns4/node.example/tcp/4001'] })
    assert.deepEqual(node.getMultiaddrs().map(String), [`/dns4/node.example/tcp/4001/p2p/${node.peerId}`])
  })

  it('finds peers by the DHT of its own network, and answers nobody of another', async () => {
    const [first, middle, last] = [await start(), await start(), await start()]
    const stranger = await start({ network: OTHER_NETWORK })
    await first.dial(middle.getMultiaddrs())
    await last.dial(middle.getMultiaddrs())
    await stranger.dial(middle.getMultiaddrs())
    const known = async (node: NetworkNode) => (await node.peerStore.all()).map(({ id }) => id.toString())
    assert.ok(!(await known(first)).includes(last.peerId.toString()))
    let found: string[] = []
    // identify comes first, and then the routing tables fill
    const deadline = AbortSignal.timeout(10_000)
    while (found.length === 0) {
      deadline.throwIfAborted()
      found = await first.peerRouting
        .findPeer(last.peerId, { signal: deadline })
        .then(({ multiaddrs }) => multiaddrs.map(String))
        .catch(() => [])
    }
    assert.ok(found.some(address => last.getMultiaddrs().some(own => String(own).startsWith(address))))
    await assert.rejects(
      stranger.peerRouting.findPeer(last.peerId, { signal: AbortSignal.timeout(300) }),
      'the DHT answered a peer of another network',
    )
  })

  it('takes many clients of one machine at once', async () => {
    const storage = await start()
    const clients = await Promise.all(Array.from({ length: 30 }, () => start({ roles: ['client'] })))
    await Promise.all(clients.map(client => client.dial(storage.getMultiaddrs())))
    await eventually(
      () => storage.getConnections().length === clients.length,
      () => `${storage.getConnections().length} connections`,
    )
  })
})
