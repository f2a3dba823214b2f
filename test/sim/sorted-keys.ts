/** How many new ones are put in their places one by one; more are merged when somebody looks. */
const FEW = 16

/** Position of the first key that is not below. */
export function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const mid = (low + high) >> 1
    if (keys[mid]! < key) low = mid + 1
    else high = mid
  }
  return low
}

/** Keys that are seldom listed and often added, of which more may be there than count. */
export class SortedKeys {
  #sorted: string[] = []
  #added: string[] = []
  #gone = 0

  /** One that is not there. */
  add(key: string): void {
    this.#added.push(key)
  }

  /** It does not count any more. */
  drop(): void {
    this.#gone++
  }

  /** In order; those that do not count are left out when they are many. */
  list(counts: (key: string) => boolean): readonly string[] {
    if (this.#gone > FEW && 2 * this.#gone > this.#sorted.length + this.#added.length) {
      this.#sorted = this.#sorted.filter(counts)
      this.#added = this.#added.filter(counts)
      this.#gone = 0
    }
    const added = this.#added
    if (added.length === 0) return this.#sorted
    this.#added = []
    if (added.length <= FEW) for (const key of added) this.#insert(key)
    else this.#sorted = merged(this.#sorted, [...new Set(added)].sort())
    return this.#sorted
  }

  #insert(key: string): void {
    const at = lowerBound(this.#sorted, key)
    if (this.#sorted[at] !== key) this.#sorted.splice(at, 0, key)
  }
}

/** Both, each key once. */
function merged(a: readonly string[], b: readonly string[]): string[] {
  const all: string[] = []
  let i = 0
  for (const key of b) {
    while (i < a.length && a[i]! < key) all.push(a[i++]!)
    if (a[i] !== key) all.push(key)
  }
  while (i < a.length) all.push(a[i++]!)
  return all
}
