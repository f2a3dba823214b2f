import { mkdir } from 'node:fs/promises'
import { StoreError } from '../store/errors.ts'
import { openRecords } from '../store/records.ts'
import { DevnetError } from './errors.ts'
import type { DevnetLayout } from './layout.ts'

/**
 * Keeps two devnets off one folder. The lock is Level's, and so the operating system's: it ends with the process, however
 * that ends, and leaves nothing stale behind.
 */
export async function lockDevnet({ dir, lock }: DevnetLayout): Promise<() => Promise<void>> {
  await mkdir(dir, { recursive: true })
  try {
    const records = await openRecords(lock)
    return () => records.close()
  } catch (cause) {
    if (cause instanceof StoreError && cause.code === 'STORE_LOCKED') {
      throw new DevnetError('DEVNET_LOCKED', `another devnet runs on ${dir}`, { dir }, { cause })
    }
    throw cause
  }
}
