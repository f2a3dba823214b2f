import { rm } from 'node:fs/promises'
import { LevelError, openLevel } from '../../../base/level.ts'
import type { Log } from '../../../base/log.ts'
import type { AddressStorage } from './book.ts'

/** Address records on disk, and the sequence number of the last one of this peer's own. */
export interface AddressFiles extends AddressStorage {
  /** 0 before the first */
  sequence(): Promise<number>
  /** Resolves once it is on the disk. */
  setSequence(sequence: number): Promise<void>
  /** What was put is on its way to the disk. */
  close(): Promise<void>
}

const SEQUENCE_KEY = 'sequence'
const RECORD_PREFIX = 'record/'

/**
 * Opens or makes the database in a folder. One that is damaged is begun anew: others know all that is in it, and a sequence
 * number is the time at least. Throws LEVEL_LOCKED when it is open elsewhere.
 */
export async function openAddressFiles(path: string, log: Log): Promise<AddressFiles> {
  const level = await openLevel(path).catch(async error => {
    if (!(error instanceof LevelError) || error.code === 'LEVEL_LOCKED') throw error
    log.warn({ err: error }, 'the address book was damaged and is begun anew')
    await rm(path, { recursive: true, force: true })
    return await openLevel(path)
  })
  let writing = Promise.resolve()
  const write = (act: () => Promise<void>): void => {
    writing = writing.then(act).catch(err => log.warn({ err }, 'an address was not kept'))
  }
  return {
    async *load() {
      for await (const [key, record] of level.iterator({ gte: RECORD_PREFIX, lt: 'record0' })) {
        yield [key.slice(RECORD_PREFIX.length), record] as const
      }
    },
    put: (peerId, record) => write(() => level.put(RECORD_PREFIX + peerId, record)),
    delete: peerId => write(() => level.del(RECORD_PREFIX + peerId)),
    async sequence() {
      const kept = await level.get(SEQUENCE_KEY)
      const sequence = Number(kept === undefined ? 0 : new TextDecoder().decode(kept))
      return Number.isSafeInteger(sequence) ? sequence : 0
    },
    async setSequence(sequence) {
      const text = new TextEncoder().encode(String(sequence))
      await level.batch([{ type: 'put', key: SEQUENCE_KEY, value: text }], { sync: true } as object)
    },
    async close() {
      await writing
      await level.close()
    },
  }
}
