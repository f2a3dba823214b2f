import { rm } from 'node:fs/promises'
import type { Clock } from '../../base/clock.ts'
import { makeFolder } from '../../base/make-folder.ts'
import { StoreError } from '../storage/store/errors.ts'
import { openRecords, type Records } from '../storage/store/records.ts'
import { DevnetError } from './errors.ts'
import type { DevnetLayout } from './layout.ts'

/**
 * Makes the folder and keeps two devnets off it. The lock is Level's, and so the operating system's: it ends with the
 * process, however that ends, and leaves nothing stale behind. Throws DEVNET_LOCKED, DEVNET_NOT_WRITABLE.
 */
export async function lockDevnet({ dir, lock }: DevnetLayout, clock: Clock): Promise<() => Promise<void>> {
  try {
    await makeFolder(lock)
  } catch (cause) {
    throw new DevnetError('DEVNET_NOT_WRITABLE', `the folder ${dir} cannot be written to`, { dir }, { cause })
  }
  try {
    const records = await openLock(lock, clock)
    return () => records.close()
  } catch (cause) {
    if (cause instanceof StoreError && cause.code === 'STORE_LOCKED') {
      throw new DevnetError('DEVNET_LOCKED', `another devnet runs on ${dir}`, { dir }, { cause })
    }
    throw cause
  }
}

/** There is nothing in it: a damaged one, which nobody has open, is made anew. */
async function openLock(lock: string, clock: Clock): Promise<Records> {
  try {
    return await openRecords(lock, clock)
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'STORE_DAMAGED') throw error
    await rm(lock, { recursive: true })
    return await openRecords(lock, clock)
  }
}
