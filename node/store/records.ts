import { ClassicLevel } from 'classic-level'
import { damagedStore, StoreError } from './errors.ts'
import { namesIn } from './pack-file.ts'

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

/** Small records in key order. Keys are paths; numbers and hashes in them are hex, so that key order is byte order. */
export interface Records {
  get(key: string): Promise<Uint8Array | undefined>
  has(key: string): Promise<boolean>
  /** All or nothing. */
  commit(operations: readonly RecordOperation[], options?: CommitOptions): Promise<void>
  /** Every record whose key starts with `prefix`, in key order. */
  list(prefix: string): AsyncIterable<{ key: string; value: Uint8Array }>
  /** The same without their values, which are not read: those between `after` and `before`, `limit` at most. */
  keys(prefix: string, options?: KeyRange): AsyncIterable<string>
  close(): Promise<void>
}

type Level = ClassicLevel<string, Uint8Array>

const levelAt = (path: string): Level =>
  new ClassicLevel<string, Uint8Array>(path, { keyEncoding: 'utf8', valueEncoding: 'view' })

/** Opens (or creates) a Level database in a folder. Throws STORE_LOCKED when it is open elsewhere, STORE_DAMAGED. */
export async function openRecords(path: string): Promise<Records> {
  // without this file Level would make a new database over what is left of the old one, and throw that away
  const files = await namesIn(path)
  if (!files.includes('CURRENT') && files.some(isLevels)) throw damagedStore(path, 'index/CURRENT')
  const level = levelAt(path)
  try {
    await level.open()
  } catch (error) {
    if (isLocked(error)) throw locked(path, error)
    throw damagedStore(path, 'index', error)
  }
  return new LevelRecords(level)
}

/**
 * Makes a database that cannot be opened openable again, by Level's own repair: what its tables and logs hold is kept,
 * what was deleted or replaced lately may be back. Throws STORE_LOCKED when it is open elsewhere.
 */
export async function repairRecords(path: string): Promise<void> {
  const level = levelAt(path)
  try {
    // Level's repair looks at no lock
    await level.open({ createIfMissing: false })
  } catch (error) {
    if (isLocked(error)) throw locked(path, error)
  } finally {
    await level.close()
  }
  await ClassicLevel.repair(path)
}

class LevelRecords implements Records {
  readonly #level: Level

  constructor(level: Level) {
    this.#level = level
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#level.get(key)
  }

  has(key: string): Promise<boolean> {
    return this.#level.has(key)
  }

  async commit(operations: readonly RecordOperation[], { sync = false }: CommitOptions = {}): Promise<void> {
    await this.#level.batch([...operations], { sync })
  }

  async *list(prefix: string): AsyncIterable<{ key: string; value: Uint8Array }> {
    for await (const [key, value] of this.#level.iterator(below(prefix))) yield { key, value }
  }

  async *keys(prefix: string, { after, before, limit = -1 }: KeyRange = {}): AsyncIterable<string> {
    const { gte, lt } = below(prefix)
    const start = after === undefined ? { gte } : { gt: after }
    yield* this.#level.keys({ ...start, lt: before ?? lt, limit })
  }

  async close(): Promise<void> {
    await this.#level.close()
  }
}

/** Keys are ASCII: none that starts with the prefix comes after this. */
const below = (prefix: string) => ({ gte: prefix, lt: `${prefix}\x7f` })

const isLevels = (name: string): boolean => /^MANIFEST-\d+$|^\d+\.(ldb|sst|log)$/.test(name)

function isLocked(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED'
}

function locked(path: string, error: unknown): StoreError {
  const cause = error instanceof Error ? error.cause : undefined
  return new StoreError('STORE_LOCKED', `the store ${path} is in use by another process`, { path }, { cause })
}

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
