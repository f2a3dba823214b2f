import { randomBytes } from 'node:crypto'
import { rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { diskTrouble, fullDisk, reservedDisk } from './disk-error.ts'
import type { writePack } from './pack-file.ts'

export interface RoomInit {
  /** a folder on the disk in question, where a file may be made */
  path: string
  clock: Clock
  log: Log
  write: typeof writePack
  /** something was not taken in */
  onRefused?: () => void
  /** what uploads leave free, for what the node has to get back or take over; RESERVED_BYTES when absent */
  reservedBytes?: number | undefined
  /** what these leave free in turn: a node that can write nothing at all cannot even drop what has ended, or follow its chain */
  minFreeBytes?: number
  freeBytes?: (path: string) => Promise<number>
  /** the least time between two looks */
  everyMs?: number
}

/** What is free on the store's disk. */
export interface DiskView {
  freeBytes: number
  /** what uploads leave of it */
  reservedBytes: number
  takesUploads: boolean
}

/** Whether there is room on the disk. */
export interface Room {
  /**
   * Throws DiskError ENOSPC while there is none, for `bytes` more of uploads; looks again now and then, so that it ends by
   * itself.
   */
  expect(bytes?: number): Promise<void>
  /** The same for what the node gets back or takes over, which may use what uploads leave. */
  expectForUpkeep(bytes?: number): Promise<void>
  view(): Promise<DiskView>
  /** A write failed: when it was for want of room, nothing more is begun until a test write succeeds. */
  failed(error: unknown): void
}

/** More than all uploads that may be under way bring until the next look. */
export const RESERVED_BYTES = 512 * 1024 * 1024
const MIN_FREE_BYTES = 32 * 1024 * 1024
const LOOK_MS = 1_000
const SAY_MS = 60_000
/** what Level may want to write when it is opened again */
const TEST_BYTES = 8 * 1024 * 1024

export function createRoom(init: RoomInit): Room {
  const { path, clock, log, write, minFreeBytes = MIN_FREE_BYTES, everyMs = LOOK_MS } = init
  const freeBytes = init.freeBytes ?? freeBytesOf
  const reservedBytes = Math.max(init.reservedBytes ?? RESERVED_BYTES, minFreeBytes)
  let lack: Lack | undefined
  /** at the last look */
  let free = Number.POSITIVE_INFINITY
  /** a write failed since the last one that succeeded */
  let failure: unknown
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined
  let saidAt = Number.NEGATIVE_INFINITY
  let said: Lack | undefined

  async function look(): Promise<void> {
    free = await freeBytes(path)
    const before = failure
    try {
      if (before !== undefined) await testWrite(path, write)
      if (failure === before) failure = undefined
    } catch (error) {
      failure = error
    }
    const lacked = lack
    if (failure !== undefined || free < minFreeBytes) lack = 'all'
    else lack = free < reservedBytes ? 'uploads' : undefined
    if (lack !== undefined) say(lack)
    else if (lacked !== undefined) log.info({ path, freeBytes: free }, 'there is room on the disk again')
  }

  function say(what: Lack): void {
    if (said === what && clock.monotonic() - saidAt < SAY_MS) return
    saidAt = clock.monotonic()
    said = what
    const known = { path, freeBytes: Number.isFinite(free) ? free : undefined, reservedBytes, minFreeBytes }
    log.error({ ...known, err: failure }, WORDS[what])
  }

  async function latest(): Promise<void> {
    if (clock.monotonic() - lookedAt >= everyMs && looking === undefined) {
      lookedAt = clock.monotonic()
      looking = look().finally(() => {
        looking = undefined
      })
    }
    await looking
  }

  return {
    async expect(bytes = 0) {
      await latest()
      if (lack === undefined && free - bytes >= reservedBytes) return
      init.onRefused?.()
      throw lack === 'all' ? fullDisk(failure) : reservedDisk(free, reservedBytes)
    },
    async expectForUpkeep(bytes = 0) {
      await latest()
      if (lack !== 'all' && free - bytes >= minFreeBytes) return
      throw fullDisk(failure)
    },
    async view() {
      await latest()
      return { freeBytes: free, reservedBytes, takesUploads: lack === undefined }
    },
    failed(error) {
      if (diskTrouble(error) !== 'ENOSPC') return
      lack = 'all'
      failure = error
      say(lack)
    },
  }
}

/** What there is no room for. */
type Lack = 'uploads' | 'all'

const WORDS: Readonly<Record<Lack, string>> = {
  uploads:
    'the disk is nearly full: no uploads are taken in until there is room; what is left is kept for recovery',
  all: 'the disk is full: nothing is taken in until there is room; what is stored is served',
}

async function freeBytesOf(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}

const TEST_PREFIX = 'room.'
export const isTestWrite = (name: string): boolean => name.startsWith(TEST_PREFIX)

/** Free blocks are not all: a quota may be used up, or the file system have no room for names. */
export async function testWrite(path: string, write: typeof writePack): Promise<void> {
  const file = join(path, `${TEST_PREFIX}${randomBytes(6).toString('hex')}`)
  try {
    await write(`${file}.tmp`, file, [new Uint8Array(TEST_BYTES)])
  } finally {
    await rm(file, { force: true })
  }
}
