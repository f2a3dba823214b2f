import assert from 'node:assert/strict'
import { Breather } from '../../../node/storage/breather.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe('work beside readers and writers', () => {
  const never = new AbortController().signal
  let clock: VirtualClock
  let breather: Breather
  beforeEach(() => {
    clock = new VirtualClock()
    breather = new Breather(clock)
  })
  /** When it goes on, in ms from now. */
  const goesOn = async (): Promise<number> => {
    const began = clock.monotonic()
    const breath = breather.breathe(never).then(() => clock.monotonic() - began)
    await clock.advance(100)
    return await breath
  }

  it('does not pause while nobody is served', async () => {
    await breather.breathe(never)
    assert.equal(await goesOn(), 0)
  })

  it('pauses until those who are served have what they asked for, and a moment more', async () => {
    const [first, second] = [breather.serving(), breather.serving()]
    clock.after(5, first)
    // who says so twice is not two
    clock.after(6, first)
    clock.after(10, second)
    assert.equal(await goesOn(), 13)
    await clock.advance(200)
    assert.equal(await goesOn(), 0)
  })

  it('rests for as long as it has worked while they ask again and again, and for no longer than it pauses', async () => {
    breather.serving()()
    await clock.advance(50)
    const began = clock.monotonic()
    const times: number[] = []
    const work = async () => {
      for (const workMs of [1, 1, 5, 40, 200]) {
        await clock.sleep(workMs, never)
        await breather.breathe(never)
        times.push(clock.monotonic() - began)
      }
    }
    await clock.advanceUntil(work(), 1)
    // a millisecond is not worth it; the last one finds nobody any more
    assert.deepEqual(times, [21, 22, 33, 93, 293])
  })

  it('takes those who ask again in a moment for the same', async () => {
    clock.after(5, breather.serving())
    clock.after(7, () => clock.after(5, breather.serving()))
    assert.equal(await goesOn(), 15)
  })

  it('pauses once for some milliseconds of work, and never for long', async () => {
    breather.serving()
    assert.equal(await goesOn(), 20)
    const began = clock.monotonic()
    const times: number[] = []
    const work = async () => {
      for (let i = 0; i < 6; i++) {
        await breather.breathe(never)
        times.push(clock.monotonic() - began)
        await clock.sleep(1, never)
      }
    }
    await clock.advanceUntil(work(), 1)
    // two milliseconds of work for each pause
    assert.deepEqual(times, [20, 21, 42, 43, 64, 65])
  })

  it('ends with its signal', async () => {
    breather.serving()
    const stop = new AbortController()
    const breath = breather.breathe(stop.signal)
    stop.abort(new Error('over'))
    await assert.rejects(breath, /over/)
    await assert.rejects(breather.breathe(stop.signal), /over/)
  })
})
