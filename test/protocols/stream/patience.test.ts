import assert from 'node:assert/strict'
import { createPatience } from '../../../protocols/stream/patience.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe('patience with the other side', () => {
  let clock: VirtualClock
  let ended: number
  const patience = (timeoutMs?: number) => createPatience(clock, timeoutMs, () => ended++)
  beforeEach(() => {
    clock = new VirtualClock()
    ended = 0
  })

  it('runs from when there is reason to wait, and ends once', async () => {
    using one = patience(1_000)
    await clock.advance(5_000)
    assert.equal(one.isOver, false)
    await clock.advance(999)
    assert.equal(one.isOver, false)
    await clock.advance(1)
    assert.equal(one.isOver, true)
    await clock.advance(5_000)
    assert.equal(ended, 1)
  })

  it('is given as much time again as this side took, once', async () => {
    using one = patience(1_000)
    assert.equal(one.isOver, false)
    await Promise.all([one.excusing(clock.sleep(700)), clock.advance(700)])
    await clock.advance(999)
    assert.equal(one.isOver, false)
    await clock.advance(2)
    assert.equal(one.isOver, true)
    assert.equal(ended, 1)
  })

  it('has no end without a limit, and leaves nothing behind', async () => {
    {
      using one = patience()
      using other = patience(1_000)
      assert.equal(one.isOver || other.isOver, false)
      await clock.advance(500)
    }
    await clock.advance(5_000)
    assert.equal(ended, 0)
    assert.equal(clock.waiting, 0)
  })

  it('is not over by a wait of this side that is longer than all of it', async () => {
    using one = patience(1_000)
    assert.equal(one.isOver, false)
    await clock.advance(400)
    const waited = one.excusing(clock.sleep(5_000))
    await clock.advance(5_000)
    await waited
    assert.deepEqual([one.isOver, ended], [false, 0])
    await clock.advance(599)
    assert.deepEqual([one.isOver, ended], [false, 0])
    await clock.advance(1)
    assert.deepEqual([one.isOver, ended], [true, 1])
  })
})
