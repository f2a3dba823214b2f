import { raceSignal } from 'race-signal'

/** Wakes the one that waits. What happens between two waits is not lost. */
export class Notify {
  #notified = Promise.withResolvers<void>()

  notify(): void {
    this.#notified.resolve()
  }

  /** Resolves at the next call of `notify`, or at one since the last wait ended. Rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    try {
      await raceSignal(this.#notified.promise, signal)
    } finally {
      this.#notified = Promise.withResolvers()
    }
  }
}
