import { mkdir } from 'node:fs/promises'
import { LevelDatastore } from 'datastore-level'
import { StoreError } from '../errors.ts'
import type { Batch, KeyValueStore } from './key-value.ts'

/**
 * A Level database in `dir`. LevelDatastore's own batches are not synced to disk, so writes go to the
 * database under it with `sync`: a transaction that was answered survives a power cut. Its log drops a
 * record that was cut off, so a torn batch was never applied.
 * Throws StoreError STORE_LOCKED when another process has it open, STORE_DAMAGED when it cannot be read.
 */
export async function levelStore(dir: string): Promise<KeyValueStore> {
  await mkdir(dir, { recursive: true })
  const store = new LevelDatastore(dir)
  const { db } = store
  try {
    // not by the datastore's own `open`, which drops the error's code
    await db.open()
  } catch (error) {
    const { code } = (error as { cause?: { code?: string } }).cause ?? {}
    throw code === 'LEVEL_LOCKED'
      ? new StoreError('STORE_LOCKED', `${dir} is in use by another process`, { cause: error })
      : new StoreError('STORE_DAMAGED', `${dir} cannot be opened`, { cause: error })
  }
  return {
    get: key => db.get(key),
    async write(batch: Batch) {
      await db.batch(
        [
          ...[...batch.delete].map(key => ({ type: 'del' as const, key })),
          ...[...batch.put].map(([key, value]) => ({ type: 'put' as const, key, value })),
        ],
        { sync: true },
      )
    },
    entries: prefix => db.iterator({ gte: prefix, lt: `${prefix}\uffff` }),
    close: () => store.close(),
  }
}
