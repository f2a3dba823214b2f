import assert from 'node:assert/strict'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { createPeerBook } from '../../../node/network/peer-book.ts'
import { fakeCommittee } from '../../support/fake-peers.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe('the book of peers', () => {
  it('takes an unknown peer for slower than most that it knows, and for faster than the slowest', () => {
    const network = { peers: [] as NetworkConfig['peers'] } as NetworkConfig
    const clock = new VirtualClock()
    const book = createPeerBook({ network, peerIdOf: () => 'peer', clock, random: () => 0 })
    const members = fakeCommittee(5, 10).members
    for (const [i, ms] of [400, 300, 200, 900].entries()) book.answered(members[i]!, ms)
    assert.deepEqual(
      book.ranked(members).map(({ index }) => index),
      [2, 1, 0, 4, 3],
    )
  })

  it('tells how long nearly all requests to a peer kept one waiting, and of an unknown one what those of others did', () => {
    const network = { peers: [] as NetworkConfig['peers'] } as NetworkConfig
    const clock = new VirtualClock()
    const book = createPeerBook({ network, peerIdOf: () => 'peer', clock, random: () => 0 })
    const [one, two, three] = fakeCommittee(3, 10).members as [never, never, never]
    assert.equal(book.usualWaitMs(one), undefined)
    for (let ms = 1; ms <= 60; ms++) book.waited(one, ms)
    // of the last 40
    assert.equal(book.usualWaitMs(one), 58)
    assert.equal(book.usualWaitMs(two), 250)
    for (let i = 0; i < 20; i++) book.waited(two, 700)
    assert.equal(book.usualWaitMs(three), 700)
    assert.equal(book.usualWaitMs(one), 58)
  })

  it('goes on from the speeds of another run', () => {
    const network = { peers: [] as NetworkConfig['peers'] } as NetworkConfig
    const init = { network, peerIdOf: () => 'peer', clock: new VirtualClock(), random: () => 0 }
    const members = fakeCommittee(3, 10).members
    const book = createPeerBook(init)
    book.answered(members[1]!, 300)
    book.answered(members[2]!, 20)
    for (let i = 0; i < 50; i++) book.waited(members[2]!, 30)
    // it failed
    book.answered(members[0]!, 1)
    book.failed(members[0]!)
    const speeds = book.speeds()
    assert.deepEqual(
      speeds.map(({ nodeId, latencyMs, waitsMs }) => [nodeId, latencyMs, waitsMs.length]),
      [
        [members[1]!.nodeId, 300, 0],
        [members[2]!.nodeId, 20, 40],
      ],
    )
    const next = createPeerBook({ ...init, speeds })
    assert.deepEqual(next.ranked(members)[0], members[2])
    assert.equal(next.usualWaitMs(members[2]!), 30)
  })

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
