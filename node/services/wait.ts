/** Resolves after `ms`, or rejects with the signal's reason. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** A signal that aborts with any of these; undefined ones are left out. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter(signal => signal !== undefined))
}

/** Wakes whoever waits. What happens between two waits is not lost. */
export class Bell {
  #rung = Promise.withResolvers<void>()

  ring(): void {
    this.#rung.resolve()
  }

  /** Resolves at the next ring, or at one since the last wait ended. Rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const onAbort = () => this.#rung.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await this.#rung.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#rung = Promise.withResolvers()
    }
  }
}
