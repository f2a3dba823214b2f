import type { Clock } from '../../base/clock.ts'
import type { Countdown } from '../../base/deadline.ts'

/** A limit on how long the other side may take, apart from what this side takes for itself. Dispose of it (`using`). */
export interface Patience extends Disposable {
  /** Whether the time is up; asked for when there is reason to wait, and only then does it begin to run. */
  readonly isOver: boolean
  /** Waits for something of this side, for which the other side is given as much time again. */
  excusing(wait: Promise<void>): Promise<void>
}

/** Without end when `timeoutMs` is absent. `onEnd` is called when the time is up. */
export function createPatience(clock: Clock, timeoutMs: number | undefined, onEnd: () => void): Patience {
  let running: Countdown | undefined
  let excusedMs = 0
  let isOver = false
  let waitingSince: number | undefined
  const excuse = (): void => {
    if (waitingSince === undefined) return
    const now = clock.monotonic()
    excusedMs += now - waitingSince
    waitingSince = now
  }
  const run = (ms: number): void => {
    running = clock.countdown(ms, () => {
      // a wait that goes on still is excused as well
      excuse()
      if (excusedMs > 0) {
        const more = excusedMs
        excusedMs = 0
        return run(more)
      }
      isOver = true
      onEnd()
    })
  }
  return {
    get isOver() {
      if (running === undefined && timeoutMs !== undefined) run(timeoutMs)
      return isOver
    },
    async excusing(wait) {
      waitingSince = clock.monotonic()
      try {
        await wait
      } finally {
        excuse()
        waitingSince = undefined
      }
    },
    [Symbol.dispose]: () => running?.stop(),
  }
}
