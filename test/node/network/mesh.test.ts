import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import fc from 'fast-check'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { createMesh, type Mesh, neighbours } from '../../../node/network/mesh.ts'
import { createPathDialer } from '../../../node/network/paths/path-dialer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const peer = (peerId: string) => ({ peerId, multiaddrs: [] })

describe('neighbours in the mesh', () => {
  it('come by distance 1, 2, 4..., then the rest, around the ring', () => {
    const ring = [...'abcdefgh'].map(peer)
    const ids = (self: string) => neighbours(self, ring).map(({ peerId }) => peerId)
    assert.equal(ids('a').join(''), 'bcedfgh')
    assert.deepEqual(ids('g').slice(0, 3), ['h', 'a', 'c'])
    assert.deepEqual([...ids('g')].sort(), [...'abcdefh'])
    // a node that is not a member finds its place as well
    assert.deepEqual(ids('cc').slice(0, 2), ['d', 'e'])
  })

  it('keep all nodes together when each holds on to its first', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 30 }), ids => {
        const peers = ids.map(peer)
        const reached = new Set<string>()
        for (let at = ids[0]!; !reached.has(at); at = neighbours(at, peers)[0]!.peerId) reached.add(at)
        assert.equal(reached.size, ids.length)
      }),
    )
  })

  it('are none for a node alone', () => {
    assert.deepEqual(neighbours('a', [peer('a')]), [])
  })
})

describe('a mesh', () => {
  const nodes: NetworkNode[] = []

  before(async () => {
    for (let i = 0; i < 3; i++) {
      nodes.push(
        await createNetworkNode({
          clock: systemClock,
          random: Math.random,
          listen: ['/ip4/127.0.0.1/tcp/0'],
          network: `0x${'5'.repeat(64)}` as ObjectId,
          roles: ['storage'],
          log: silentLog(),
        }),
      )
    }
  })

  after(async () => {
    for (const node of nodes) await node.stop()
  })

  const addressOf = (node: NetworkNode) => ({
    peerId: node.peerId.toString(),
    multiaddrs: node.getMultiaddrs().map(String),
  })

  const components = (libp2p: NetworkNode) => ({
    clock: systemClock,
    random: Math.random,
    libp2p,
    dialer: createPathDialer({ libp2p, clock: systemClock }),
    log: silentLog(),
  })

  it('has settled once it is connected to the others', async () => {
    const mesh = createMesh(components(nodes[0]!), { peers: async () => nodes.map(addressOf) })
    mesh.start()
    try {
      await mesh.settled()
      const connected = nodes[0]!.getConnections().map(({ remotePeer }) => remotePeer.toString())
      assert.equal(new Set(connected).size, 2)
    } finally {
      await mesh.stop()
    }
  })

  it('needs no more than it aims at: the next in the ring, there or not, and the first that are', async () => {
    const id = (peer: string) => ({ peerId: peer, multiaddrs: [] })
    const peers = ['a', 'b', 'c', 'd', 'e', 'f'].map(id)
    const connected = ['c', 'd', 'e', 'f'].map(peer => ({
      status: 'open',
      direct: true,
      remotePeer: { toString: () => peer },
    }))
    const libp2p = { peerId: { toString: () => 'a' }, getConnections: () => connected }
    const dialer = { connect: () => Promise.reject(new Error('it is not there')) }
    const mesh = createMesh(
      { ...components(nodes[0]!), libp2p: libp2p as never, dialer },
      { peers: async () => peers, target: 3 },
    )
    const needed = () => ['b', 'c', 'd', 'e', 'f'].filter(peer => mesh.needs(peer))
    assert.deepEqual(needed(), ['b', 'c', 'd', 'e', 'f'])
    mesh.start()
    await mesh.settled()
    await mesh.stop()
    // at distances 1, 2 and 4
    assert.deepEqual(needed(), ['b', 'c', 'e'])
  })

  it('has settled when it was stopped before it knew anybody', async () => {
    const mesh = createMesh(components(nodes[0]!), {
      peers: () => Promise.reject(new Error('the chain is down')),
    })
    mesh.start()
    await mesh.stop()
    await mesh.settled()
  })

  it('stops while the chain does not answer', async () => {
    const mesh = createMesh(components(nodes[0]!), { peers: () => new Promise(() => {}) })
    mesh.start()
    await mesh.stop()
    await mesh.settled()
  })

  describe('with others that it cannot reach', () => {
    const clock = new VirtualClock()
    let dials = 0
    let rounds = 0
    let reachable = false
    let direct = true
    let mesh: Mesh

    beforeEach(async () => {
      const connections: Connection[] = []
      const [self, other] = [nodes[0]!, nodes[1]!]
      dials = 0
      rounds = 0
      reachable = false
      direct = true
      const dialer = {
        async connect() {
          dials++
          if (!reachable) throw new Error('it still starts')
          const connection = { status: 'open', remotePeer: other.peerId, direct } as Connection
          connections.push(connection)
          return connection
        },
      }
      const peers = async () => {
        rounds++
        return [self, other].map(addressOf)
      }
      const libp2p = { peerId: self.peerId, getConnections: () => connections }
      mesh = createMesh({ clock, random: () => 0, dialer, libp2p, log: silentLog() }, { peers })
      mesh.start()
      await mesh.settled()
    })
    afterEach(async () => {
      await mesh.stop()
      assert.equal(clock.waiting, 0)
    })

    it('tries again soon, and looks now and then afterwards', async () => {
      await clock.advance(1_999)
      assert.equal(dials, 1)
      reachable = true
      await clock.advance(1)
      assert.deepEqual([dials, rounds], [2, 2])
      await clock.advance(59_999)
      assert.equal(rounds, 2)
      await clock.advance(1)
      assert.deepEqual([dials, rounds], [2, 3])
    })

    it('asks for a better connection each time that it looks, to a peer that it meets over a relay alone', async () => {
      reachable = true
      direct = false
      await clock.advance(2_000)
      const before = dials
      await clock.advance(120_000)
      assert.equal(dials, before + 2)
    })

    it('tries less and less often', async () => {
      const hours = async (count: number): Promise<number> => {
        const before = dials
        await clock.advance(count * 3_600_000)
        return dials - before
      }
      // 2, 4, 8... up to 600 s
      assert.equal(await hours(1), 13)
      assert.equal(await hours(1), 6)
    })

    it('tries at once again when a peer has moved', async () => {
      await clock.advance(100_000)
      const before = dials
      mesh.moved(addressOf(nodes[1]!).peerId)
      await clock.advance(2_000)
      assert.equal(dials, before + 1)
    })
  })
})
