import type { SliverPairIndex } from '../../../codec/types.ts'

/** Of a sliver that is kept somewhere. */
export interface KeptSliver {
  bytes: number
  /** ms since 1970 */
  usedAt: number
}

interface Entry extends KeptSliver {
  key: string
  pair: SliverPairIndex
}

/** Which slivers of which blobs are kept, in the order in which they were set. */
export class SliverIndex {
  // a Map keeps the order of insertion
  readonly #entries = new Map<string, Entry>()
  readonly #pairs = new Map<string, Set<SliverPairIndex>>()
  #bytes = 0

  /** of all slivers together */
  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#entries.size
  }

  pairs(key: string): SliverPairIndex[] {
    return [...(this.#pairs.get(key) ?? [])]
  }

  get(key: string, pair: SliverPairIndex): KeptSliver | undefined {
    return this.#entries.get(`${key}-${pair}`)
  }

  /** It is the newest from now on. */
  set(key: string, pair: SliverPairIndex, kept: KeptSliver): void {
    this.delete(key, pair)
    this.#entries.set(`${key}-${pair}`, { key, pair, ...kept })
    const pairs = this.#pairs.get(key) ?? new Set()
    this.#pairs.set(key, pairs.add(pair))
    this.#bytes += kept.bytes
  }

  /** Whether it was there. */
  delete(key: string, pair: SliverPairIndex): boolean {
    const entry = this.#entries.get(`${key}-${pair}`)
    if (entry === undefined) return false
    this.#entries.delete(`${key}-${pair}`)
    this.#bytes -= entry.bytes
    const pairs = this.#pairs.get(key)
    pairs?.delete(pair)
    if (pairs?.size === 0) this.#pairs.delete(key)
    return true
  }

  clear(): void {
    this.#entries.clear()
    this.#pairs.clear()
    this.#bytes = 0
  }

  /** What is deleted meanwhile is left out. */
  oldestFirst(): IterableIterator<Readonly<Entry>> {
    return this.#entries.values()
  }
}
