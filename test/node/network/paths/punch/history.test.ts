import assert from 'node:assert/strict'
import { createPunchHistory } from '../../../../../node/network/paths/punch/history.ts'
import { PUNCH } from '../../../../../protocols/index.ts'
import { VirtualClock } from '../../../../support/virtual-clock.ts'

const MINUTE_MS = 60_000

describe('history of punches', () => {
  it('leaves a peer alone for 30 s after a failure, twice as long after each further one, an hour at most', async () => {
    const clock = new VirtualClock()
    const history = createPunchHistory(clock)
    assert.equal(history.waitMs('a'), 0)
    for (const seconds of [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]) {
      history.failed('a')
      assert.equal(history.waitMs('a'), seconds * 1000)
      await clock.advance(seconds * 1000 - 1)
      assert.equal(history.waitMs('a'), 1)
      await clock.advance(1)
      assert.equal(history.waitMs('a'), 0)
    }
    assert.equal(history.waitMs('b'), 0)
  })

  it('forgets failures when a punch succeeds, when the address of the peer changes, or the own one', () => {
    const history = createPunchHistory(new VirtualClock())
    for (const forget of [
      () => history.succeeded('a'),
      () => history.changed('a'),
      () => history.changed(),
    ]) {
      history.failed('a')
      history.failed('a')
      forget()
      assert.equal(history.waitMs('a'), 0)
      history.failed('a')
      assert.equal(history.waitMs('a'), PUNCH.firstBackoffMs)
    }
    history.changed('b')
    assert.equal(history.waitMs('a'), PUNCH.firstBackoffMs)
  })

  it('takes four a minute with one peer, and thirty with all', async () => {
    const clock = new VirtualClock()
    const history = createPunchHistory(clock)
    const taken = (peer: string, tries: number) =>
      Array.from({ length: tries }, () => history.take(peer, 'us')).filter(Boolean).length
    assert.equal(taken('a', 10), 4)
    const others = Array.from({ length: 20 }, (_, i) => taken(`peer ${i}`, 4)).reduce((a, b) => a + b)
    assert.equal(others, 26)
    await clock.advance(MINUTE_MS)
    assert.equal(taken('a', 10), 4)
  })

  it('leaves a third to this side and one to members, however many others begin', () => {
    const history = createPunchHistory(new VirtualClock())
    const taken = (name: string, begunBy: 'us' | 'member' | 'stranger') =>
      Array.from({ length: 40 }, (_, i) => history.take(`${name} ${i}`, begunBy)).filter(Boolean).length
    assert.equal(taken('stranger', 'stranger'), 10)
    assert.equal(taken('member', 'member'), 10)
    assert.equal(taken('own', 'us'), 10)
    assert.equal(taken('other', 'member'), 0)
  })
})
