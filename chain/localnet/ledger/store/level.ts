import { access, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LevelDatastore } from 'datastore-level'
import { repairLevel as repairApart } from '../../../../base/level-repair.ts'
import { damagedLedger, StoreError } from '../errors.ts'
import type { Batch, KeyValueStore } from './key-value.ts'

type Level = LevelDatastore['db']

/** The database under a datastore: its own batches are not synced, and its `open` drops the error's code. */
export const levelAt = (dir: string): Level => new LevelDatastore(dir).db

/** What Level writes when it is opened again after a write that failed, beyond that write itself. */
const REOPEN_BYTES = 6 * 1024 * 1024

const isLevels = (name: string): boolean => /^MANIFEST-\d+$|^\d+\.(ldb|sst|log)$/.test(name)

const codeOf = (error: unknown): unknown => (error as { cause?: { code?: unknown } }).cause?.code

export const isLocked = (error: unknown): boolean => codeOf(error) === 'LEVEL_LOCKED'

export const lockedStore = (dir: string, cause: unknown): StoreError =>
  new StoreError('STORE_LOCKED', `${dir} is in use by another process`, { cause })

/** Without CURRENT, Level would make a new database over what is left of the old one, and throw that away. */
export async function hasLostCurrent(dir: string): Promise<boolean> {
  const names = await readdir(dir)
  return !names.includes('CURRENT') && names.some(isLevels)
}

/**
 * A Level database in `dir`. Every write is synced: a transaction that was answered survives a power cut. Its log drops a
 * record that was cut off, so a torn batch was never applied.
 * Throws StoreError STORE_LOCKED when another process has it open, LEDGER_DAMAGED when it cannot be read.
 */
export async function levelStore(dir: string): Promise<KeyValueStore> {
  await mkdir(dir, { recursive: true })
  if (await hasLostCurrent(dir)) throw damagedLedger(dir, 'its file CURRENT is missing')
  const level = levelAt(dir)
  try {
    await level.open()
  } catch (error) {
    throw isLocked(error)
      ? lockedStore(dir, error)
      : damagedLedger(dir, 'its database cannot be opened', error)
  }
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
export async function repairLevel(dir: string): Promise<void> {
  try {
    await access(dir)
  } catch (cause) {
    throw new StoreError('LEDGER_DAMAGED', `${dir} is not there; nothing can be repaired`, { cause })
  }
  if (!(await hasLostCurrent(dir))) {
    // not before: Level opens by itself what is made, and would make a new database over what is left of the old one
    const level = levelAt(dir)
    try {
      // Level's repair looks at no lock; and what can be opened is not to be repaired
      await level.open({ createIfMissing: false })
      return
    } catch (error) {
      if (isLocked(error)) throw lockedStore(dir, error)
    } finally {
      await level.close()
    }
  }
  if (!(await repairApart(dir))) throw damagedLedger(dir, 'its tables cannot be read')
}
