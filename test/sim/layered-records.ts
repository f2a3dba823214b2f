import { equalBytes } from '../../base/bytes.ts'
import type { Epoch } from '../../codec/types.ts'
import { BLOB_PREFIX, beforesOf } from '../../node/storage/store/keys.ts'
import type { CommitOptions, KeyRange, RecordOperation, Records } from '../../node/storage/store/records.ts'
import { Contents, Parts } from './contents.ts'
import { lowerBound, SortedKeys } from './sorted-keys.ts'

/** Records that many nodes begin with, in order of their keys; nobody changes them. */
export class SharedRecords {
  readonly keys: readonly string[]
  readonly contents = new Contents()
  readonly parts: Parts
  readonly #values = new Map<string, { at: number; value: Uint8Array }>()
  /** what some node wrote last under a key: most write the same, and keep it once */
  readonly #written: Map<string, { key: string; value: Uint8Array }>

  /** @param beside whose nodes are of the same network */
  constructor(values: ReadonlyMap<string, Uint8Array>, beside?: SharedRecords) {
    this.parts = beside?.parts ?? new Parts()
    this.#written = beside === undefined ? new Map() : beside.#written
    this.keys = [...values.keys()].sort()
    for (const [at, key] of this.keys.entries()) {
      const value = values.get(key)!
      this.#values.set(key, { at, value })
      if (key.startsWith(BLOB_PREFIX)) this.contents.add(this.parts.of(hexOf(key), value))
    }
  }

  /** With its position in `keys`. */
  get(key: string): { at: number; value: Uint8Array } | undefined {
    return this.#values.get(key)
  }

  /** The same key and value, in memory that others use as well. */
  once(key: string, value: Uint8Array): { key: string; value: Uint8Array } {
    const last = this.#written.get(key)
    if (last !== undefined && (last.value === value || equalBytes(last.value, value))) return last
    const entry = { key: last?.key ?? key, value }
    this.#written.set(entry.key, entry)
    return entry
  }
}

/** Two path segments: of the records of one kind the keys are kept in order. */
const tableOf = (key: string): string => key.slice(0, key.indexOf('/', 1) + 1) || key
const hexOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1)
/** Above all keys with a prefix. */
const endOf = (prefix: string): string => `${prefix}\uffff`

/** A node's own records over shared ones. What was not synced is lost when the machine loses its power. */
export class LayeredRecords implements Records {
  readonly #base: SharedRecords
  readonly #own = new Map<string, Uint8Array>()
  /** a bit for each of the shared ones that is gone here */
  readonly #gone: Uint8Array
  /** keys of #own by table */
  readonly #tables = new Map<string, SortedKeys>()
  /** how it was before each commit since the last sync, newest last */
  #unsynced: [key: string, value: Uint8Array | undefined][] = []
  readonly #contents: Contents

  constructor(base: SharedRecords) {
    this.#base = base
    this.#gone = new Uint8Array((base.keys.length >> 3) + 1)
    this.#contents = new Contents(base.contents)
  }

  read(key: string): Uint8Array | undefined {
    const own = this.#own.get(key)
    if (own !== undefined) return own
    const shared = this.#base.get(key)
    return shared === undefined || this.#isGone(shared.at) ? undefined : shared.value
  }

  /** What the blob table as of an epoch's beginning is known by: that of which changes since then were noted. */
  contentsAt(epoch: Epoch): string {
    const befores = this.#keys(beforesOf(epoch))
    if (befores.length === 0) return this.#contents.at(epoch)
    const contents = new Contents(this.#contents)
    for (const before of befores) {
      const now = this.read(BLOB_PREFIX + hexOf(before))
      if (now !== undefined) contents.remove(this.#base.parts.of(hexOf(before), now))
      contents.add(this.#base.parts.of(hexOf(before), this.read(before)!))
    }
    return contents.at(epoch)
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
      if (!sync) this.#unsynced.push([key, this.read(key)])
      this.#set(key, operation.type === 'put' ? operation.value : undefined)
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
      while (i < shared.length && shared[i]! < end && this.#isGone(i)) i++
      while (j < own.length && own[j]! < end && !this.#own.has(own[j]!)) j++
      const a = shared[i] ?? end
      const b = own[j] ?? end
      const key = a < b ? a : b
      if (key >= end) break
      if (a === key) i++
      if (b === key) j++
      found.push(key)
    }
    return found
  }

  async close(): Promise<void> {}

  #ownKeys(prefix: string): readonly string[] {
    return this.#tables.get(tableOf(prefix))?.list(key => this.#own.has(key)) ?? []
  }

  #set(key: string, value: Uint8Array | undefined): void {
    const isBlob = key.startsWith(BLOB_PREFIX)
    const before = isBlob ? this.read(key) : undefined
    if (before !== undefined) this.#contents.remove(this.#base.parts.of(hexOf(key), before))
    const shared = this.#base.get(key)
    const isThere = this.#own.has(key)
    if (value === undefined) {
      if (isThere) this.#table(key).drop()
      this.#own.delete(key)
      if (shared !== undefined) this.#gone[shared.at >> 3]! |= 1 << (shared.at & 7)
      return
    }
    const entry = this.#base.once(key, value)
    if (!isThere) this.#table(key).add(entry.key)
    this.#own.set(entry.key, entry.value)
    if (isBlob) this.#contents.add(this.#base.parts.of(hexOf(key), entry.value))
  }

  #isGone(at: number): boolean {
    return (this.#gone[at >> 3]! & (1 << (at & 7))) !== 0
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
