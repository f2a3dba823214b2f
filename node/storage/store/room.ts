import { randomBytes } from 'node:crypto'
import { rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../../base/log.ts'
import { DiskError, diskTrouble } from './disk-error.ts'
import type { writePack } from './pack-file.ts'

export interface RoomInit {
  /** a folder on the disk in question, where a file may be made */
  path: string
  log: Log
  write: typeof writePack
  /** somebody was turned away */
  onRefused?: () => void
  /** what is kept free: a node that can write nothing at all cannot even drop what has ended, or follow its chain */
  minFreeBytes?: number
  freeBytes?: (path: string) => Promise<number>
  /** the least time between two looks */
  everyMs?: number
}

/** Whether there is room on the disk. */
export interface Room {
  /** Throws DiskError ENOSPC while there is none; looks again now and then, so that it ends by itself. */
  expect(): Promise<void>
  /** A write failed: when it was for want of room, nothing more is begun until a test write succeeds. */
  failed(error: unknown): void
}

const MIN_FREE_BYTES = 32 * 1024 * 1024
const LOOK_MS = 1_000
const SAY_MS = 60_000
/** what Level may want to write when it is opened again */
const TEST_BYTES = 8 * 1024 * 1024

export function createRoom(init: RoomInit): Room {
  const { path, log, write, minFreeBytes = MIN_FREE_BYTES, everyMs = LOOK_MS } = init
  const freeBytes = init.freeBytes ?? freeBytesOf
  let isFull = false
  /** a write failed since the last one that succeeded */
  let failure: unknown
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined
  let saidAt = Number.NEGATIVE_INFINITY

  async function look(): Promise<void> {
    const free = await freeBytes(path)
    const before = failure
    try {
      if (before !== undefined) await testWrite(path, write)
      if (failure === before) failure = undefined
    } catch (error) {
      failure = error
    }
    const wasFull = isFull
    isFull = failure !== undefined || free < minFreeBytes
    if (isFull) say(free)
    else if (wasFull) log.info({ path, freeBytes: free }, 'there is room on the disk again')
  }

  function say(free?: number): void {
    if (performance.now() - saidAt < SAY_MS) return
    saidAt = performance.now()
    log.error(
      { path, ...(free === undefined ? {} : { freeBytes: free }), minFreeBytes, err: failure },
      'the disk is full: nothing is taken in until there is room; what is stored is served',
    )
  }

  return {
    async expect() {
      if (performance.now() - lookedAt >= everyMs && looking === undefined) {
        lookedAt = performance.now()
        looking = look().finally(() => {
          looking = undefined
        })
      }
      await looking
      if (!isFull) return
      init.onRefused?.()
      throw new DiskError('ENOSPC', 'the disk is full', { cause: failure })
    },
    failed(error) {
      if (diskTrouble(error) !== 'ENOSPC') return
      isFull = true
      failure = error
      say()
    },
  }
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
