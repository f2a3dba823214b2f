import { raceSignal } from 'race-signal'

/**
 * One run for callers that come at the same time. The run is nobody's own, so a caller who aborts leaves it to the
 * others; it ends with `closed`.
 */
export class SingleFlight<T> {
  #running: Promise<T> | undefined

  run(start: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (!this.#running) {
      const running = start().finally(() => {
        if (this.#running === running) this.#running = undefined
      })
      running.catch(() => {})
      this.#running = running
    }
    return raceSignal(this.#running, signal)
  }

  /** The next caller starts a run of its own. */
  forget(): void {
    this.#running = undefined
  }
}
