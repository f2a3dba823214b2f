import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { openRecords, type Records } from '../../node/storage/store/records.ts'

/** Looks at the records of a node's store that nobody has open, or changes them. */
export async function withRecords<T>(storePath: string, use: (records: Records) => Promise<T>): Promise<T> {
  const records = await openRecords(join(storePath, 'index'), systemClock)
  try {
    return await use(records)
  } finally {
    await records.close()
  }
}
