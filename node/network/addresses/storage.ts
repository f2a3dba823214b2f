import { rm } from 'node:fs/promises'
import { LevelError, openLevel } from '../../../base/level.ts'
import type { Log } from '../../../base/log.ts'
import type { RelayScoreStorage } from '../circuit/relay-scores.ts'
import type { AddressStorage } from './book.ts'

/** Address records on disk, the sequence number of the last one of this peer's own, and how relays have been to it. */
export interface AddressFiles extends AddressStorage {
  readonly relays: RelayScoreStorage
  /** 0 before the first */
  sequence(): Promise<number>
  /** Resolves once it is on the disk. */
  setSequence(sequence: number): Promise<void>
  /** What was put is on its way to the disk. */
  close(): Promise<void>
}

const SEQUENCE_KEY = 'sequence'
const RECORD_PREFIX = 'record/'
const RELAY_PREFIX = 'relay/'

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
  /** By names that begin with the prefix, which ends in `/`. */
  const entries = (prefix: string) => ({
    async *load() {
      for await (const [key, value] of level.iterator({ gte: prefix, lt: `${prefix.slice(0, -1)}0` })) {
        yield [key.slice(prefix.length), value] as const
      }
    },
    put: (name: string, value: Uint8Array) => write(() => level.put(prefix + name, value)),
    delete: (name: string) => write(() => level.del(prefix + name)),
  })
  return {
    ...entries(RECORD_PREFIX),
    relays: entries(RELAY_PREFIX),
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
