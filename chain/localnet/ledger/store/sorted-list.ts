/** Distinct strings in order; pages start after a key. */
export class SortedList {
  readonly #keys: string[] = []

  get size(): number {
    return this.#keys.length
  }

  /** Position of the first key that is not below `key`. */
  #position(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }

  add(key: string): void {
    const at = this.#position(key)
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key)
  }

  delete(key: string): void {
    const at = this.#position(key)
    if (this.#keys[at] === key) this.#keys.splice(at, 1)
  }

  /** Up to `limit` keys that start with `prefix` and come after `after`. */
  page(limit: number, { after, prefix = '' }: { after?: string; prefix?: string } = {}): string[] {
    const from = after !== undefined && after >= prefix ? this.#position(after) : this.#position(prefix)
    const page: string[] = []
    for (let i = from; i < this.#keys.length && page.length < limit; i++) {
      const key = this.#keys[i]!
      if (!key.startsWith(prefix)) break
      if (key !== after) page.push(key)
    }
    return page
  }
}
