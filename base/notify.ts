import { raceSignal } from 'race-signal'

/** Wakes the one that waits. What happens between two waits is not lost. */
export class Notify {
  #notified = Promise.withResolvers<void>()

  notify(): void {
    this.#notified.resolve()
  }

  /** Resolves at the next call of `notify`, or at one that no wait has heard yet. Rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    const notified = this.#notified
    await raceSignal(notified.promise, signal)
    // one that was given up ends later than that, when another may be waiting for the same call: it changes nothing
    if (this.#notified === notified) this.#notified = Promise.withResolvers()
  }
}
