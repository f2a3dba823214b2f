import { access, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  compactLevel,
  isLevelWhole,
  type Level,
  LevelError,
  openLevel,
  repairLevel,
} from '../../../../base/level.ts'
import { damagedLedger, LedgerStoreError } from '../errors.ts'
import type { Batch, KeyValueStore } from './key-value.ts'

/** What Level writes when it is opened again after a write that failed, beyond that write itself. */
const REOPEN_BYTES = 6 * 1024 * 1024

const unusable = (dir: string, cause: unknown): unknown => {
  if (!(cause instanceof LevelError)) return cause
  if (cause.code === 'LEVEL_LOCKED')
    return new LedgerStoreError('STORE_LOCKED', `${dir} is in use by another process`, { cause })
  const isLost = cause.code === 'LEVEL_LOST_CURRENT'
  return damagedLedger(dir, isLost ? 'its file CURRENT is missing' : 'its database cannot be opened', cause)
}

/**
 * A Level database in `dir`. Every write is synced: a transaction that was answered survives a power cut. Its log drops a
 * record that was cut off, so a torn batch was never applied.
 * Throws LedgerStoreError STORE_LOCKED when another process has it open, LEDGER_DAMAGED when it cannot be read.
 */
export async function levelStore(dir: string): Promise<KeyValueStore> {
  const level = await openLevel(dir).catch(error => {
    throw unusable(dir, error)
  })
  return new LevelStore(dir, level)
}

class LevelStore implements KeyValueStore {
  readonly #dir: string
  readonly #level: Level
  /** a write failed: what its log holds since then is not to be added to */
  #isTorn = false

  constructor(dir: string, level: Level) {
    this.#dir = dir
    this.#level = level
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#level.get(key)
  }

  async write(batch: Batch): Promise<void> {
    if (this.#isTorn) await this.#reopen(batch)
    try {
      await this.#level.batch(
        [
          ...[...batch.delete].map(key => ({ type: 'del' as const, key })),
          ...[...batch.put].map(([key, value]) => ({ type: 'put' as const, key, value })),
        ],
        { sync: true },
      )
    } catch (error) {
      this.#isTorn = true
      throw error
    }
  }

  /**
   * After a write that failed, the end of Level's log may be half of a record, and what is added to it would be lost with
   * it at the next start; Level begins a new one when it is opened. Room for that is tried beforehand, since a database
   * that cannot be opened cannot be read either.
   */
  async #reopen(batch: Batch): Promise<void> {
    const batchBytes = [...batch.put.values()].reduce((sum, { length }) => sum + length, 0)
    await tryRoom(join(this.#dir, 'room'), REOPEN_BYTES + 2 * batchBytes)
    if (this.#level.status === 'open') await this.#level.close()
    await this.#level.open()
    this.#isTorn = false
  }

  entries(prefix: string): AsyncIterable<[key: string, value: Uint8Array]> {
    return this.#level.iterator({ gte: prefix, lt: `${prefix}\uffff` })
  }

  compact(): Promise<void> {
    return compactLevel(this.#level)
  }

  close(): Promise<void> {
    return this.#level.close()
  }
}

/** Writes and removes a file of the size; throws the system's error when there is no room. */
async function tryRoom(path: string, sizeBytes: number): Promise<void> {
  try {
    const file = await open(path, 'w')
    try {
      const zeros = Buffer.alloc(1024 * 1024)
      for (let left = sizeBytes; left > 0; left -= zeros.length)
        await file.writeFile(left < zeros.length ? zeros.subarray(0, left) : zeros)
      await file.sync()
    } finally {
      await file.close()
    }
  } finally {
    await rm(path, { force: true })
  }
}

/** Makes a database that cannot be opened openable again. Throws STORE_LOCKED, and LEDGER_DAMAGED when there is none. */
export async function repairStore(dir: string): Promise<void> {
  try {
    await access(dir)
  } catch (cause) {
    throw new LedgerStoreError('LEDGER_DAMAGED', `${dir} is not there; nothing can be repaired`, { cause })
  }
  const isWhole = await isLevelWhole(dir).catch(error => {
    throw unusable(dir, error)
  })
  // what can be opened is not to be repaired
  if (isWhole) return
  if (!(await repairLevel(dir))) throw damagedLedger(dir, 'its tables cannot be read')
}
