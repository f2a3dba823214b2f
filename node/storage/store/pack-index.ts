import type { Log } from '../../../base/log.ts'
import type { BlobId } from '../../../codec/types.ts'
import { Batcher } from './batcher.ts'
import {
  blobIdOfSliver,
  damagedKey,
  PACK_PREFIX,
  packKey,
  pendingKey,
  SLIVER_PREFIX,
  SPARSE_PREFIX,
  sparseKey,
} from './keys.ts'
import {
  encodePlace,
  isInline,
  isSamePlace,
  parseLocation,
  parsePlace,
  type SliverPlace,
} from './locations.ts'
import { blobOfPack, footprintOf } from './pack-name.ts'
import { type CommitOptions, decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'
import type { UsageCounter } from './usage-counter.ts'

/** What changes about one sliver, by its record's key. */
export interface SliverChange {
  key: string
  /** where it lies from here on; nowhere when absent */
  to?: SliverPlace
  /** Nothing changes unless it lies there now. */
  from?: SliverPlace
}

/** What changes together: all of it or nothing. */
export interface PackChange {
  slivers?: readonly SliverChange[]
  /** prefix of keys: all slivers below it lie nowhere from here on */
  below?: string
  /** pending files that were written for this, and how many bytes all slivers take of each */
  written?: ReadonlyMap<string, number>
  /** The slivers are damaged: their blobs are noted, for somebody to look what is missing of them. */
  damaged?: boolean
  sync?: boolean
}

/** What of a pack is needed. */
export interface PackCount {
  slivers: number
  /** that those slivers take of the file */
  bytes: number
  /** that all slivers take that were written into it */
  writtenBytes: number
}

export interface PackIndexInit {
  records: Records
  usage: Pick<UsageCounter, 'commit'>
  /** Removes a pack in which nothing is needed any more. */
  remove: (file: string) => Promise<void>
  /** Of some pack less than half is needed now. */
  onSparse: () => void
  log: Log
}

interface Item {
  change: PackChange
  changed: string[]
  abandoned: string[]
}

/** Files whose removal waits; beyond that they are left until the next open. */
const MAX_HELD = 100_000

/** What is known of a sliver's record; a record that cannot be read has no location. */
interface Known {
  location?: SliverPlace
}

/**
 * Where slivers lie, and how much of each pack is needed, in one batch always. One batch is written at a time, of all
 * changes that came meanwhile, so that each sees what those before it left.
 */
export class PackIndex {
  readonly #init: PackIndexInit
  readonly #batcher = new Batcher<Item>((_, items) => this.#commit(items))
  readonly #removing = new Set<Promise<void>>()
  /** who needs all files to stay, and those that were to be removed meanwhile */
  #holders = 0
  #held: string[] = []

  constructor(init: PackIndexInit) {
    this.#init = init
  }

  /** A file is about to be written: should it come to nothing, the next open removes it. */
  begin(files: Iterable<string>, options?: CommitOptions): Promise<void> {
    return this.#init.records.commit(Array.from(files, pending), options)
  }

  /** Gives the keys of the slivers that the change was made for. Files that are needless now are gone by then. */
  async apply(change: PackChange): Promise<readonly string[]> {
    const item: Item = { change, changed: [], abandoned: [] }
    await this.#batcher.add('', item)
    if (item.abandoned.length > 0) {
      const removing = this.#remove(item.abandoned)
      this.#removing.add(removing)
      await removing.finally(() => this.#removing.delete(removing))
    }
    return item.changed
  }

  /**
   * No file is removed until the hold is released: what is needless stays pending, so that the next open removes it should
   * this process end before.
   */
  hold(): () => Promise<void> {
    this.#holders++
    let isOver = false
    return async () => {
      if (isOver) return
      isOver = true
      if (--this.#holders === 0) await this.#remove(this.#held.splice(0))
    }
  }

  /** Waits until nothing is being written or removed. */
  async idle(): Promise<void> {
    await this.#batcher.idle()
    await Promise.allSettled(this.#removing)
  }

  /** Never rejects: the change was made, and what is left is removed at the next open. */
  async #remove(files: readonly string[]): Promise<void> {
    const { records, remove, log } = this.#init
    if (this.#holders > 0) {
      this.#held.push(...files.slice(0, MAX_HELD - this.#held.length))
      return
    }
    try {
      for (const file of files) await remove(file)
      await records.commit(files.map(file => ({ type: 'del', key: pendingKey(file) })))
    } catch (err) {
      log.warn({ err, files: files.length }, 'needless files are left until the next start')
    }
  }

  async #commit(items: readonly Item[]): Promise<void> {
    const batch = new Batch(this.#init.records)
    await batch.read(items.map(({ change }) => change))
    for (const item of items) item.changed = batch.apply(item.change)
    const { operations, abandoned, sparse, slivers, bytes } = batch.result()
    const sync = items.some(({ change }) => change.sync === true)
    if (operations.length > 0) await this.#init.usage.commit(operations, { slivers, bytes }, { sync })
    if (sparse) this.#init.onSparse()
    // any of those who wait will do
    items.at(-1)!.abandoned = abandoned
  }
}

/** Changes in the making, over what the records say. */
class Batch {
  readonly #records: Records
  readonly #before = new Map<string, Known | undefined>()
  readonly #now = new Map<string, Known | undefined>()
  readonly #counts = new Map<string, PackCount | undefined>()
  readonly #written = new Map<string, number>()
  readonly #damaged = new Set<BlobId>()

  constructor(records: Records) {
    this.#records = records
  }

  /** All that `apply` will look at. */
  async read(changes: readonly PackChange[]): Promise<void> {
    const keys = [...new Set(changes.flatMap(({ slivers = [] }) => slivers.map(({ key }) => key)))]
    const values = await this.#records.getMany(keys)
    for (const [i, key] of keys.entries()) this.#know(key, values[i])
    for (const { below, written } of changes) {
      if (below !== undefined)
        for await (const { key, value } of this.#records.list(below)) this.#know(key, value)
      for (const [file, bytes] of written ?? []) this.#written.set(file, bytes)
    }
    const files = new Set<string>()
    for (const known of this.#before.values())
      if (known?.location !== undefined && !isInline(known.location)) files.add(known.location.file)
    const counts = await this.#records.getMany([...files].map(packKey))
    for (const [i, file] of [...files].entries()) this.#counts.set(file, countOf(counts[i]))
    for (const [file, writtenBytes] of this.#written)
      this.#counts.set(file, { slivers: 0, bytes: 0, writtenBytes })
  }

  #know(key: string, value: Uint8Array | undefined): void {
    const location = value && parsePlace(value)
    const known = value && (location === undefined ? {} : { location })
    this.#before.set(key, known)
    this.#now.set(key, known)
  }

  /** Gives the keys of slivers that the change was made for. */
  apply({ slivers = [], below, damaged }: PackChange): string[] {
    const dropped: SliverChange[] = []
    if (below !== undefined)
      for (const key of this.#now.keys()) if (key.startsWith(below)) dropped.push({ key })
    const changed = [...slivers, ...dropped].filter(change => this.#change(change)).map(({ key }) => key)
    if (damaged) for (const key of changed) this.#damaged.add(blobIdOfSliver(key))
    return changed
  }

  #change({ key, from, to }: SliverChange): boolean {
    const known = this.#now.get(key)
    if (from !== undefined && !(known?.location && isSamePlace(known.location, from))) return false
    if (known === undefined && to === undefined) return false
    // a sliver that is in the index comes again
    if (to !== undefined && isInline(to) && known?.location && isSamePlace(known.location, to)) return false
    this.#count(known?.location, -1)
    this.#count(to, 1)
    this.#now.set(key, to && { location: to })
    return true
  }

  #count(location: SliverPlace | undefined, by: 1 | -1): void {
    if (location === undefined || isInline(location)) return
    const count = this.#counts.get(location.file)
    // of a pack that was never counted nothing is known, and so it stays
    if (count === undefined) return
    this.#counts.set(location.file, {
      ...count,
      slivers: count.slivers + by,
      bytes: count.bytes + by * footprintOf(location),
    })
  }

  result() {
    const operations: RecordOperation[] = []
    const total = { slivers: 0, bytes: 0 }
    for (const [key, now] of this.#now) {
      const before = this.#before.get(key)
      if (now === before) continue
      total.slivers += Number(now !== undefined) - Number(before !== undefined)
      total.bytes += (now?.location?.length ?? 0) - (before?.location?.length ?? 0)
      if (now?.location === undefined) operations.push({ type: 'del', key })
      else operations.push({ type: 'put', key, value: encodePlace(now.location) })
    }
    for (const blobId of this.#damaged)
      operations.push({ type: 'put', key: damagedKey(blobId), value: new Uint8Array() })
    const abandoned: string[] = []
    let sparse = false
    for (const [file, count] of this.#counts) {
      if (count === undefined) continue
      if (count.slivers > 0) {
        operations.push(...recordsOf(file, count))
        sparse ||= isSparse(count)
      } else {
        operations.push({ type: 'del', key: packKey(file) }, { type: 'del', key: sparseKey(file) })
        operations.push(pending(file))
        abandoned.push(file)
      }
      if (count.slivers > 0 && this.#written.has(file))
        operations.push({ type: 'del', key: pendingKey(file) })
    }
    return { operations, abandoned, sparse, ...total }
  }
}

const pending = (file: string): RecordOperation => ({
  type: 'put',
  key: pendingKey(file),
  value: new Uint8Array(),
})

/** Less than half of it is needed. */
const isSparse = ({ bytes, writtenBytes }: PackCount): boolean => bytes * 2 < writtenBytes

function recordsOf(file: string, count: PackCount): RecordOperation[] {
  const record: RecordOperation = { type: 'put', key: packKey(file), value: encodeJson(count) }
  return isSparse(count) ? [record, { type: 'put', key: sparseKey(file), value: new Uint8Array() }] : [record]
}

export function countOf(bytes: Uint8Array | undefined): PackCount | undefined {
  const value = bytes && (decodeJson(bytes) as Partial<PackCount> | undefined)
  const isCount = [value?.slivers, value?.bytes, value?.writtenBytes].every(Number.isSafeInteger)
  return isCount ? (value as PackCount) : undefined
}

/**
 * Counts all packs anew, for stores of versions that did not, and for repaired ones. How much was written into a pack is
 * taken from where its last sliver that is needed ends.
 */
export async function* recountPacks(records: Records): AsyncIterable<RecordOperation> {
  for (const prefix of [PACK_PREFIX, SPARSE_PREFIX])
    for await (const key of records.keys(prefix)) yield { type: 'del', key }
  for await (const [file, count] of countPacks(records)) yield* recordsOf(file, count)
}

/** What of each pack is needed, by the records of all slivers. */
export async function* countPacks(records: Records): AsyncIterable<[file: string, count: PackCount]> {
  /** of packs of one blob, and the others: of those of earlier blobs nothing more comes */
  const ofBlob = new Map<string, PackCount>()
  const ofMany = new Map<string, PackCount>()
  let blob: BlobId | undefined
  for await (const { key, value } of records.list(SLIVER_PREFIX)) {
    if (blobIdOfSliver(key) !== blob) {
      yield* ofBlob
      ofBlob.clear()
    }
    blob = blobIdOfSliver(key)
    const location = parseLocation(value)
    if (location === undefined) continue
    const { file, offset, length } = location
    const counts = blobOfPack(file) === blob ? ofBlob : ofMany
    const { slivers, bytes, writtenBytes } = counts.get(file) ?? { slivers: 0, bytes: 0, writtenBytes: 0 }
    counts.set(file, {
      slivers: slivers + 1,
      bytes: bytes + footprintOf(location),
      writtenBytes: Math.max(writtenBytes, offset + length),
    })
  }
  yield* ofBlob
  yield* ofMany
}
