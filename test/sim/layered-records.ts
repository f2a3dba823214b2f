import { equalBytes } from '../../base/bytes.ts'
import type { CommitOptions, KeyRange, RecordOperation, Records } from '../../node/storage/store/records.ts'
import { lowerBound, SortedKeys } from './sorted-keys.ts'

/** Records that many nodes begin with, in order of their keys; nobody changes them. */
export class SharedRecords {
  readonly keys: readonly string[]
  readonly #values: ReadonlyMap<string, Uint8Array>
  /** what some node wrote last under a key: most write the same, and keep it once */
  readonly #written = new Map<string, { key: string; value: Uint8Array }>()

  constructor(values: ReadonlyMap<string, Uint8Array>) {
    this.keys = [...values.keys()].sort()
    this.#values = values
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)
  }

  /** The same key and value, in memory that others use as well. */
  once(key: string, value: Uint8Array): { key: string; value: Uint8Array } {
    const last = this.#written.get(key)
    if (last !== undefined && equalBytes(last.value, value)) return last
    const entry = { key: last?.key ?? key, value }
    this.#written.set(entry.key, entry)
    return entry
  }
}

/** Two path segments: of the records of one kind the keys are kept in order. */
const tableOf = (key: string): string => key.slice(0, key.indexOf('/', 1) + 1) || key
/** Above all keys with a prefix. */
const endOf = (prefix: string): string => `${prefix}\uffff`

/** A node's own records over shared ones. What was not synced is lost when the machine loses its power. */
export class LayeredRecords implements Records {
  readonly #base: SharedRecords
  /** null: gone */
  readonly #own = new Map<string, Uint8Array | null>()
  /** keys of #own by table */
  readonly #tables = new Map<string, SortedKeys>()
  /** how it was before each commit since the last sync, newest last */
  #unsynced: [key: string, value: Uint8Array | null | undefined][] = []

  constructor(base: SharedRecords) {
    this.#base = base
  }

  read(key: string): Uint8Array | undefined {
    const own = this.#own.get(key)
    return own === undefined ? this.#base.get(key) : (own ?? undefined)
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.read(key)
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map(key => this.read(key))
  }

  async has(key: string): Promise<boolean> {
    return this.read(key) !== undefined
  }

  async commit(operations: readonly RecordOperation[], { sync = false }: CommitOptions = {}): Promise<void> {
    for (const operation of operations) {
      const { key } = operation
      if (!sync) this.#unsynced.push([key, this.#own.get(key)])
      this.#set(key, operation.type === 'put' ? operation.value : null)
    }
    if (sync) this.#unsynced = []
  }

  /** Slivers were synced in the same file system: with them goes all that was written before. */
  synced(): void {
    this.#unsynced = []
  }

  losePower(): void {
    for (const [key, value] of this.#unsynced.reverse()) this.#set(key, value)
    this.#unsynced = []
  }

  /** As of the first step. */
  async *list(prefix: string): AsyncIterable<{ key: string; value: Uint8Array }> {
    yield* this.#keys(prefix).map(key => ({ key, value: this.read(key)! }))
  }

  /** As of the first step. */
  async *keys(prefix: string, range: KeyRange = {}): AsyncIterable<string> {
    yield* this.#keys(prefix, range)
  }

  #keys(prefix: string, { after, before, limit = -1 }: KeyRange = {}): string[] {
    const end = before !== undefined && before < endOf(prefix) ? before : endOf(prefix)
    const start = after === undefined || after < prefix ? prefix : `${after}\0`
    const shared = this.#base.keys
    const own = this.#ownKeys(prefix)
    let i = lowerBound(shared, start)
    let j = lowerBound(own, start)
    const found: string[] = []
    const most = limit < 0 ? Number.POSITIVE_INFINITY : limit
    while (found.length < most) {
      const a = shared[i] ?? end
      const b = own[j] ?? end
      const key = a < b ? a : b
      if (key >= end) break
      if (a === key) i++
      if (b === key) {
        j++
        const value = this.#own.get(key)
        if (value === null || (value === undefined && a !== key)) continue
      }
      found.push(key)
    }
    return found
  }

  async close(): Promise<void> {}

  #ownKeys(prefix: string): readonly string[] {
    return this.#tables.get(tableOf(prefix))?.list(key => this.#own.has(key)) ?? []
  }

  #set(key: string, value: Uint8Array | null | undefined): void {
    const isGone = value === undefined || (value === null && this.#base.get(key) === undefined)
    const isThere = this.#own.has(key)
    if (isGone) {
      if (isThere) this.#table(key).drop()
      this.#own.delete(key)
      return
    }
    const entry = value === null ? { key, value } : this.#base.once(key, value)
    if (!isThere) this.#table(key).add(entry.key)
    this.#own.set(entry.key, entry.value)
  }

  #table(key: string): SortedKeys {
    const name = tableOf(key)
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const table = new SortedKeys()
    this.#tables.set(name, table)
    return table
  }
}
