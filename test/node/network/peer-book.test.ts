import assert from 'node:assert/strict'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { createPeerBook } from '../../../node/network/peer-book.ts'
import { fakeCommittee } from '../../support/fake-peers.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe('the book of peers', () => {
  it('counts those that failed lately as backing off, for a while', async () => {
    const clock = new VirtualClock()
    const network = { peers: [] as NetworkConfig['peers'] } as NetworkConfig
    const book = createPeerBook({ network, peerIdOf: () => 'peer', clock, random: () => 0 })
    const [one, two, three] = fakeCommittee(3, 10).members as [never, never, never]
    assert.equal(book.backingOff(), 0)
    book.answered(three, 10)
    book.failed(one)
    book.failed(two)
    assert.equal(book.backingOff(), 2)
    assert.deepEqual(book.ranked([one, two, three])[0], three)
    await clock.advance(29_000)
    assert.equal(book.backingOff(), 2)
    await clock.advance(2_000)
    assert.equal(book.backingOff(), 0)
  })
})
