import type { Timers } from './timers.ts'
import { waitFor } from './wait.ts'

/** Wakes the one that waits. What happens between two waits is not lost. */
export class Notify {
  #isNews = false
  readonly #waiting = new Set<() => void>()

  notify(): void {
    this.#isNews = true
    for (const wake of this.#waiting) wake()
  }

  /** Resolves at the next call of `notify`, or at one that no wait has heard yet. Rejects with the signal's reason. */
  wait(signal: AbortSignal): Promise<void> {
    return this.#wait(resolve => {
      this.#waiting.add(resolve)
      return () => void this.#waiting.delete(resolve)
    }, signal)
  }

  /** The same, or after `ms`; without an end to it when these are not finite. */
  waitWithin(ms: number, timers: Pick<Timers, 'after'>, signal: AbortSignal): Promise<void> {
    if (!Number.isFinite(ms)) return this.wait(signal)
    return this.#wait(resolve => {
      this.#waiting.add(resolve)
      const timer = timers.after(ms, resolve)
      return () => {
        this.#waiting.delete(resolve)
        timer.stop()
      }
    }, signal)
  }

  async #wait(arm: (resolve: () => void) => () => void, signal: AbortSignal): Promise<void> {
    if (this.#isNews) signal.throwIfAborted()
    else await waitFor(arm, signal)
    // one that was given up has not heard it: another may be waiting for the same call
    this.#isNews = false
  }
}
