import assert from 'node:assert/strict'
import fc from 'fast-check'
import { neighbours } from '../../../node/network/mesh.ts'

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
