import { Clock } from '../../../../../base/clock.ts'
import { systemTimers, type Timers } from '../../../../../base/timers.ts'

const TIMES = 20

/** Time limits pass twenty times as fast, for what waits for real sockets in vain. */
export const fastTimers: Timers = {
  now: () => systemTimers.now(),
  monotonic: () => systemTimers.monotonic() * TIMES,
  after: (ms, act, options) => systemTimers.after(ms / TIMES, act, options),
}
export const fastClock = new Clock(fastTimers)
