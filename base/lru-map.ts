/** A map of bounded size: beyond `limit`, what was longest neither set nor got goes. `has` is no use. */
export class LruMap<K, V> {
  // a Map keeps the order of insertion: re-inserting makes the first the longest unused
  readonly #entries = new Map<K, V>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  /** Gives the key of what had to go for it. */
  set(key: K, value: V): K | undefined {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#limit) return undefined
    const [oldest] = this.#entries.keys()
    this.#entries.delete(oldest!)
    return oldest
  }

  /** the longest unused first */
  values(): IterableIterator<V> {
    return this.#entries.values()
  }

  delete(key: K): boolean {
    return this.#entries.delete(key)
  }
}
