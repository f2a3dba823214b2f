/** Keeps the last `limit` results of a costly pure function, by key. */
export class Memory<Result> {
  readonly #limit: number
  readonly #results = new Map<string, Result>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: string, compute: () => Result): Result {
    const known = this.#results.get(key)
    if (known !== undefined) {
      // a map keeps the order of insertion: what was used last goes to its end
      this.#results.delete(key)
      this.#results.set(key, known)
      return known
    }
    const result = compute()
    this.#results.set(key, result)
    for (const oldest of this.#results.keys()) {
      if (this.#results.size <= this.#limit) break
      this.#results.delete(oldest)
    }
    return result
  }
}
