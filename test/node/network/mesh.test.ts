import assert from 'node:assert/strict'
import fc from 'fast-check'
import { silentLog } from '../../../base/log.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { createMesh, neighbours } from '../../../node/network/mesh.ts'

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

  it('has settled once it is connected to the others', async () => {
    const mesh = createMesh(
      { libp2p: nodes[0]!, log: silentLog() },
      { peers: async () => nodes.map(addressOf) },
    )
    mesh.start()
    try {
      await mesh.settled()
      const connected = nodes[0]!.getConnections().map(({ remotePeer }) => remotePeer.toString())
      assert.equal(new Set(connected).size, 2)
    } finally {
      await mesh.stop()
    }
  })

  it('has settled when it was stopped before it knew anybody', async () => {
    const mesh = createMesh(
      { libp2p: nodes[0]!, log: silentLog() },
      { peers: () => Promise.reject(new Error('the chain is down')) },
    )
    mesh.start()
    await mesh.stop()
    await mesh.settled()
  })
})
