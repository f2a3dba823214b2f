import assert from 'node:assert/strict'
import { once } from 'node:events'
import { systemClock } from '../../base/clock.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('Clock', () => {
  it('runs what falls due in its order, with what promises set meanwhile', async () => {
    const clock = new VirtualClock(1_000)
    const seen: string[] = []
    const note = (what: string) => seen.push(`${what} ${clock.now()}`)
    clock.after(20, () => note('b'))
    clock.after(10, () => note('a'))
    void clock.sleep(5).then(async () => {
      await clock.sleep(7)
      note('slept')
    })
    const every = clock.every(8, () => note('every'))
    const stopped = clock.after(3, () => note('stopped'))
    stopped.stop()
    await clock.advance(20)
    every.stop()
    assert.deepEqual(seen, ['every 1008', 'a 1010', 'slept 1012', 'every 1016', 'b 1020'])
    assert.equal(clock.waiting, 0)
  })

  it('ends a wait with its signal and leaves no timer', async () => {
    const clock = new VirtualClock()
    const stop = new AbortController()
    const slept = assert.rejects(clock.sleep(10, stop.signal), /enough/)
    stop.abort(new Error('enough'))
    await slept
    {
      using limit = clock.deadline(1_000)
      await clock.advance(999)
      assert.equal(limit.expired, false)
      await clock.advance(1)
      assert.equal(limit.expired, true)
      using _other = clock.deadline(1_000)
    }
    assert.equal(clock.waiting, 0)
  })

  it('of the machine goes on by itself', async () => {
    const [from, fromWall] = [systemClock.monotonic(), systemClock.now()]
    using limit = systemClock.deadline(5)
    await once(limit.signal, 'abort')
    assert.ok(systemClock.monotonic() > from)
    assert.ok(systemClock.now() >= fromWall)
    assert.equal(await systemClock.settlesWithin(new Promise(() => {}), 1), false)
  })
})
