import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { CIRCUIT_LISTEN } from '../../../node/network/circuit/transport.ts'
import { createNetworkNode, type NetworkNode, type NetworkNodeOptions } from '../../../node/network/libp2p.ts'
import { HOME } from '../../../node/network/limits.ts'
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
      clock: systemClock,
      random: Math.random,
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

  it('names the port that somebody else has', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const free = '/ip4/127.0.0.1/tcp/0'
    try {
      for (const taken of [`/ip4/127.0.0.1/tcp/${port}`, `/ip4/127.0.0.1/tcp/${port}/ws`])
        await assert.rejects(start({ listen: [free, taken] }), { code: 'EADDRINUSE', port })
    } finally {
      await once(other.close(), 'close')
    }
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

  it('tells where it is over a relay of the Internet, as soon as there is one', async () => {
    const relay = '/ip4/198.41.0.4/tcp/4001/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
    const node = await start({ listen: [CIRCUIT_LISTEN] })
    assert.deepEqual(node.getMultiaddrs(), [])
    const addresses = [multiaddr(`${relay}/p2p-circuit`)]
    node.circuits.update([{ connection: { id: 'to the relay' }, addresses }])
    assert.deepEqual(node.getMultiaddrs().map(String), [`${relay}/p2p-circuit/p2p/${node.peerId}`])
    node.circuits.update([])
    assert.deepEqual(node.getMultiaddrs(), [])
  })

  it('dials nobody inside, by an address or a name, in a network that is not private', async () => {
    const there = await start()
    const [address] = there.getMultiaddrs()
    const name = multiaddr(`${address}`.replace('/ip4/127.0.0.1/', '/dns4/localhost/'))
    const [inside, outside] = [await start(), await start({ isPrivate: false })]
    for (const one of [address!, name]) {
      await assert.rejects(outside.dial(one))
      const connection = await inside.dial(one)
      await connection.close()
    }
    await assert.rejects(outside.dial(name), /no public IP address/)
  })

  it('has few connections at home, of which strangers cannot take all', async () => {
    const members = new Set<string>()
    const node = await start({ isKnown: peer => members.has(peer) })
    node.setHome(true)
    const clients: NetworkNode[] = []
    for (let i = 0; i < HOME.strangers; i++) clients.push(await start({ roles: ['client'], listen: [] }))
    const member = await start({ roles: ['client'], listen: [] })
    members.add(member.peerId.toString())
    for (const client of [...clients, member]) await client.dial(node.getMultiaddrs())
    const another = await start({ roles: ['client'], listen: [] })
    await another.dial(node.getMultiaddrs())
    const open = () =>
      node
        .getConnections()
        .filter(({ status }) => status === 'open')
        .map(({ remotePeer }) => remotePeer.toString())
    await eventually(
      () => open().length === HOME.strangers + 1 && open().includes(another.peerId.toString()),
      () => `${open().length} connections`,
    )
    assert.ok(open().includes(member.peerId.toString()))
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
    const [middle, last, first] = [await start(), await start(), await start()]
    const stranger = await start({ network: OTHER_NETWORK })
    // the stranger before `first`: once that one is answered, the other would be too
    for (const node of [last, stranger, first]) await node.dial(middle.getMultiaddrs())
    const knows = async (node: NetworkNode, other: NetworkNode) =>
      (await node.peerStore.all()).some(({ id }) => id.equals(other.peerId))
    assert.ok(!(await knows(first, last)))
    const find = async (node: NetworkNode, signal: AbortSignal): Promise<string[]> => {
      const { multiaddrs } = await node.peerRouting.findPeer(last.peerId, { signal })
      return multiaddrs.map(String)
    }
    let found: string[] = []
    // identify comes first, and then the routing tables fill
    const deadline = AbortSignal.timeout(10_000)
    while (found.length === 0) {
      deadline.throwIfAborted()
      found = await find(first, deadline).catch(() => [])
      // one who knows nobody fails without a turn of the event loop, which is what brings it somebody
      await nextTurn()
    }
    assert.ok(found.some(address => last.getMultiaddrs().some(own => String(own).startsWith(address))))
    await assert.rejects(find(stranger, deadline), { name: 'NotFoundError' })
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
