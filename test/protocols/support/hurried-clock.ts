import { Clock } from '../../../base/clock.ts'
import { systemTimers } from '../../../base/timers.ts'

/** The machine's clock for one who does not pause between attempts. What bounds a wait for others takes as long as ever. */
export class HurriedClock extends Clock {
  /** how many pauses there would have been */
  pauses = 0

  constructor() {
    super(systemTimers)
  }

  override after(...[ms, act, options]: Parameters<Clock['after']>): ReturnType<Clock['after']> {
    if (options?.background) return super.after(ms, act, options)
    this.pauses++
    return super.after(0, act, options)
  }
}
