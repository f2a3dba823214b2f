import { LevelDatastore } from 'datastore-level'
import type { Key } from 'interface-datastore'
import { StoreError } from './errors.ts'

export type RecordOperation = { type: 'put'; key: string; value: Uint8Array } | { type: 'del'; key: string }

export interface CommitOptions {
  /** Resolve only once the records are on the disk. Level's own default is not to wait. */
  sync?: boolean
}

/** Small records in key order. Keys are paths; numbers and hashes in them are hex, so that key order is byte order. */
export interface Records {
  get(key: string): Promise<Uint8Array | undefined>
  /** All or nothing. */
  commit(operations: readonly RecordOperation[], options?: CommitOptions): Promise<void>
  /** Every record whose key starts with `prefix`, in key order. */
  list(prefix: string): AsyncIterable<{ key: string; value: Uint8Array }>
  close(): Promise<void>
}

/** Opens (or creates) a Level datastore in a folder. Throws STORE_LOCKED when it is open elsewhere. */
export async function openRecords(path: string): Promise<Records> {
  const datastore = new LevelDatastore(path)
  try {
    // the datastore's own open() wraps the cause in text, and the lock must be told from damage
    await datastore.db.open()
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    if (cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED') {
      throw new StoreError(
        'STORE_LOCKED',
        `the store ${path} is in use by another process`,
        { path },
        { cause },
      )
    }
    throw new StoreError(
      'STORE_DAMAGED',
      `the store ${path} cannot be opened`,
      { path, record: 'index' },
      { cause: error },
    )
  }
  return new LevelRecords(datastore)
}

class LevelRecords implements Records {
  readonly #datastore: LevelDatastore

  constructor(datastore: LevelDatastore) {
    this.#datastore = datastore
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#datastore.db.get(key)
  }

  async commit(operations: readonly RecordOperation[], { sync = false }: CommitOptions = {}): Promise<void> {
    // the datastore's batch() has no way to ask for a sync: go to the database below it
    await this.#datastore.db.batch([...operations], { sync })
  }

  async *list(prefix: string): AsyncIterable<{ key: string; value: Uint8Array }> {
    for await (const { key, value } of this.#datastore.query({ prefix })) {
      yield { key: (key as Key).toString(), value }
    }
  }

  async close(): Promise<void> {
    await this.#datastore.close()
  }
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
