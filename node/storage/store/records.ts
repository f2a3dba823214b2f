import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import { isLevelWhole, type Level, LevelError, openLevel, repairLevel } from '../../../base/level.ts'
import { DiskError, diskTrouble, withDiskCode } from './disk-error.ts'
import { damagedStore, StoreError } from './errors.ts'
import { namesIn, writePack } from './pack-file.ts'
import { isTestWrite, testWrite } from './room.ts'

export type RecordOperation = { type: 'put'; key: string; value: Uint8Array } | { type: 'del'; key: string }

export interface CommitOptions {
  /** Resolve only once the records are on the disk. Level's own default is not to wait. */
  sync?: boolean
}

export interface KeyRange {
  after?: string
  before?: string
  limit?: number
}

/** Operations that are too many for one batch, in slices. What is done twice must be as if it was done once. */
export async function commitInSlices(
  records: Records,
  operations: AsyncIterable<RecordOperation>,
): Promise<void> {
  const slice: RecordOperation[] = []
  for await (const operation of operations) {
    slice.push(operation)
    if (slice.length >= SLICE) await records.commit(slice.splice(0))
  }
  await records.commit(slice, { sync: true })
}

const SLICE = 500

export async function* deletions(keys: Iterable<string>): AsyncIterable<RecordOperation> {
  for (const key of keys) yield { type: 'del', key }
}

/** Small records in key order. Keys are paths; numbers and hashes in them are hex, so that key order is byte order. */
export interface Records {
  get(key: string): Promise<Uint8Array | undefined>
  /** In the order of the keys. */
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>
  has(key: string): Promise<boolean>
  /** All or nothing. */
  commit(operations: readonly RecordOperation[], options?: CommitOptions): Promise<void>
  /** Every record whose key starts with `prefix`, in key order. */
  list(prefix: string): AsyncIterable<{ key: string; value: Uint8Array }>
  /** The same without their values, which are not read: those between `after` and `before`, `limit` at most. */
  keys(prefix: string, options?: KeyRange): AsyncIterable<string>
  close(): Promise<void>
}

/** Opens (or creates) a Level database in a folder. Throws STORE_LOCKED when it is open elsewhere, STORE_DAMAGED. */
export async function openRecords(path: string, clock: Clock): Promise<Records> {
  // left by a test write that was cut short
  for (const name of (await namesIn(path)).filter(isTestWrite)) await rm(join(path, name), { force: true })
  const level = await openLevel(path).catch(error => {
    if (!(error instanceof LevelError)) throw error
    if (error.code === 'LEVEL_LOCKED') throw locked(path, error)
    if (error.code === 'LEVEL_LOST_CURRENT') throw damagedStore(path, 'index/CURRENT', error)
    throw diskTrouble(error) === undefined ? damagedStore(path, 'index', error) : withDiskCode(error)
  })
  return new LevelRecords(path, level, clock)
}

/**
 * Makes a database that cannot be opened openable again, by Level's own repair: what its tables and logs hold is kept,
 * what was deleted or replaced lately may be back. `onBegin` is called before anything is changed. False when it cannot be
 * mended. Throws STORE_LOCKED when it is open elsewhere.
 */
export async function repairRecords(path: string, onBegin: () => Promise<void>): Promise<boolean> {
  await isLevelWhole(path).catch(error => {
    throw error instanceof LevelError ? locked(path, error) : error
  })
  await onBegin()
  return await repairLevel(path)
}

/** How often a database that refuses to write is opened anew. */
const REOPEN_MS = 1_000
/** Readers are through within moments. */
const READERS_MS = 5_000

/**
 * Level refuses every write after one that failed, for good, and appends to a log that may end in half a record. So for want
 * of room or of file descriptors it is opened anew, before anything else is written, as soon as a test write succeeds.
 * Readers do not notice but for a moment.
 */
class LevelRecords implements Records {
  readonly #level: Level
  readonly #path: string
  readonly #clock: Clock
  /** why the last write failed */
  #failure: unknown
  #reopening: Promise<void> | undefined
  #reopenedAt = Number.NEGATIVE_INFINITY
  readonly #readers = new Set<Promise<void>>()
  #isClosed = false

  constructor(path: string, level: Level, clock: Clock) {
    this.#path = path
    this.#clock = clock
    this.#level = level
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#reading(() => this.#level.get(key))
  }

  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#reading(() => this.#level.getMany([...keys]))
  }

  has(key: string): Promise<boolean> {
    return this.#reading(() => this.#level.has(key))
  }

  async commit(operations: readonly RecordOperation[], { sync = false }: CommitOptions = {}): Promise<void> {
    await this.#reopening
    if (this.#failure !== undefined) await this.#reopen()
    try {
      await this.#level.batch([...operations], { sync })
    } catch (error) {
      const failure = this.#typed(error)
      if (failure instanceof DiskError) this.#failure = failure
      throw failure
    }
  }

  async *list(prefix: string): AsyncIterable<{ key: string; value: Uint8Array }> {
    const leave = await this.#read()
    try {
      for await (const [key, value] of this.#level.iterator(below(prefix))) yield { key, value }
    } catch (error) {
      throw this.#typed(error)
    } finally {
      leave()
    }
  }

  async *keys(prefix: string, { after, before, limit = -1 }: KeyRange = {}): AsyncIterable<string> {
    const { gte, lt } = below(prefix)
    const start = after === undefined ? { gte } : { gt: after }
    const leave = await this.#read()
    try {
      yield* this.#level.keys({ ...start, lt: before ?? lt, limit })
    } catch (error) {
      throw this.#typed(error)
    } finally {
      leave()
    }
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    const leave = await this.#read()
    try {
      return await read()
    } catch (error) {
      throw this.#typed(error)
    } finally {
      leave()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#reopening?.catch(() => undefined)
    await this.#level.close()
  }

  /** A disk without room passes; what else Level cannot read or write is damage. */
  #typed(error: unknown): unknown {
    const typed = withDiskCode(error)
    if (typed !== error || !(error instanceof Error) || !('code' in error)) return typed
    const isDamage = error.code === 'LEVEL_CORRUPTION' || error.code === 'LEVEL_IO_ERROR'
    return isDamage ? damagedStore(this.#path, 'index', error) : error
  }

  /** Waits while the database is opened anew, and tells the next time that there is a reader. */
  async #read(): Promise<() => void> {
    await this.#reopening
    if (this.#level.status !== 'open' && !this.#isClosed) await this.#reopen()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#readers.add(promise)
    return () => {
      this.#readers.delete(promise)
      resolve()
    }
  }

  /** Throws why the last write failed while it cannot be done. */
  async #reopen(): Promise<void> {
    if (this.#reopening === undefined && this.#clock.monotonic() - this.#reopenedAt >= REOPEN_MS) {
      this.#reopenedAt = this.#clock.monotonic()
      const attempt = this.#openAnew()
        .catch(error => {
          this.#failure = withDiskCode(error)
        })
        .finally(() => {
          if (this.#reopening === attempt) this.#reopening = undefined
        })
      this.#reopening = attempt
    }
    await this.#reopening
    if (this.#failure !== undefined) throw this.#failure
  }

  async #openAnew(): Promise<void> {
    await testWrite(this.#path, writePack)
    const quiet = await this.#clock.settlesWithin(Promise.all(this.#readers), READERS_MS)
    if (!quiet || this.#isClosed) return
    await this.#level.close()
    await this.#level.open()
    this.#failure = undefined
  }
}

/** Keys are ASCII: none that starts with the prefix comes after this. */
const below = (prefix: string) => ({ gte: prefix, lt: `${prefix}\x7f` })

const locked = (path: string, cause: LevelError): StoreError =>
  new StoreError('STORE_LOCKED', `the store ${path} is in use by another process`, { path }, { cause })

const utf8 = new TextEncoder()
const text = new TextDecoder()

export function encodeJson(value: unknown): Uint8Array {
  return utf8.encode(JSON.stringify(value))
}

/** The value of a JSON record, or undefined when it is no JSON. */
export function decodeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(text.decode(bytes))
  } catch {
    return undefined
  }
}
