/** Waits; rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** The promise's outcome, or the signal's reason if that comes first. */
export function raceSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => {})
      return reject(signal.reason)
    }
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

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
