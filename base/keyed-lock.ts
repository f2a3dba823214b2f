/** One run at a time per key, in order of asking. */
export class KeyedLock {
  readonly #last = new Map<string, Promise<void>>()

  /** Runs once all that was asked for earlier under the key is over; settles as it does. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(key) ?? Promise.resolve()).then(work)
    const over = result
      .then(
        () => {},
        () => {},
      )
      .finally(() => {
        if (this.#last.get(key) === over) this.#last.delete(key)
      })
    this.#last.set(key, over)
    return result
  }

  /** Waits until nothing runs. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values())
  }
}
