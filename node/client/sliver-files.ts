import { open, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { readAt } from '../../base/file-at.ts'
import type { Log } from '../../base/log.ts'
import { makeOwnFolder } from '../../base/processes.ts'
import { blobIdToBytes } from '../../codec/index.ts'
import type { BlobId, SliverPairIndex } from '../../codec/types.ts'

import type { SliverCache } from './download/sliver-cache.ts'
import { SliverIndex } from './download/sliver-index.ts'

/** Where slivers that were read are kept, and how many. */
export interface SliverFilesInit {
  /** made when it is not there, inside one that is; this user's alone. Processes may share it */
  folder: string
  /** of all slivers together; 1 GiB when absent */
  maxBytes?: number
  /** after which one that was not used goes; a week when absent */
  maxAgeMs?: number
}

const MAX_BYTES = 2 ** 30
const MAX_AGE_MS = 7 * 24 * 3600 * 1000
/** Blobs of a KiB have slivers of a hundred bytes: files cost more than that. */
const MAX_FILES = 100_000
/** what waits to be written; more is not kept */
const MAX_WAITING_BYTES = 16 * 2 ** 20
/** What other processes have written meanwhile is looked for after so large a part of what may be kept. */
const LOOKS = 16
/** Blob IDs tell large letters from small ones, which not every file system does: their bytes in hex. */
const NAME = /^([0-9a-f]{64})-(0|[1-9]\d{0,4})$/
const TEMPORARY = '.tmp'
/** A file that is being written for longer than this is nobody's any more. */
const STALE_MS = 3600 * 1000

/** Opens the cache in a folder. Throws node's file errors where that cannot be used. */
export async function openSliverFiles(
  init: SliverFilesInit,
  { clock, log }: { clock: Clock; log: Log },
): Promise<SliverCache> {
  await makeOwnFolder(init.folder)
  const files = new SliverFiles(init, clock, log)
  await files.look()
  return files
}

/** A file for each sliver, whose time is when it was used last. None needs to survive a crash whole: it is verified. */
class SliverFiles implements SliverCache {
  readonly #folder: string
  readonly #maxBytes: number
  readonly #maxAgeMs: number
  readonly #clock: Clock
  readonly #log: Log
  readonly #index = new SliverIndex()
  #waitingBytes = 0
  #writtenBytes = 0
  #serial = 0
  #working: Promise<void> = Promise.resolve()
  #closed = false

  constructor(init: SliverFilesInit, clock: Clock, log: Log) {
    const { folder, maxBytes = MAX_BYTES, maxAgeMs = MAX_AGE_MS } = init
    this.#folder = folder
    this.#maxBytes = maxBytes
    this.#maxAgeMs = maxAgeMs
    this.#clock = clock
    this.#log = log
  }

  pairs(blobId: BlobId): SliverPairIndex[] {
    return this.#index.pairs(keyOf(blobId))
  }

  async get(blobId: BlobId, pair: SliverPairIndex, sliverBytes: number): Promise<Uint8Array | undefined> {
    const key = keyOf(blobId)
    const kept = this.#index.get(key, pair)
    if (kept === undefined) return undefined
    const isOld = this.#clock.now() - kept.usedAt > this.#maxAgeMs
    if (isOld || kept.bytes !== sliverBytes) {
      this.drop(blobId, pair)
      return undefined
    }
    const path = this.#path(key, pair)
    try {
      const bytes = new Uint8Array(sliverBytes)
      await using file = await open(path, 'r')
      await readAt(file, path, 0, bytes)
      this.#index.set(key, pair, { bytes: sliverBytes, usedAt: this.#clock.now() })
      await this.#touch(path)
      return bytes
    } catch (err) {
      // another process has removed it, or it was cut short
      this.#log.debug({ err, blobId, pair }, 'a kept sliver could not be read')
      this.drop(blobId, pair)
      return undefined
    }
  }

  put(blobId: BlobId, pair: SliverPairIndex, bytes: Uint8Array): void {
    const key = keyOf(blobId)
    const tooMuch = bytes.length > this.#maxBytes || this.#waitingBytes + bytes.length > MAX_WAITING_BYTES
    if (this.#closed || tooMuch || this.#index.get(key, pair) !== undefined) return
    this.#waitingBytes += bytes.length
    // the reader may do with its own what it likes
    const copy = bytes.slice()
    this.#later(async () => {
      try {
        await this.#write(key, pair, copy)
      } finally {
        this.#waitingBytes -= bytes.length
      }
    })
  }

  drop(blobId: BlobId, pair: SliverPairIndex): void {
    const key = keyOf(blobId)
    if (this.#index.delete(key, pair)) this.#later(() => rm(this.#path(key, pair), { force: true }))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#working
  }

  /** Learns what is there, and removes what is too old or too much. */
  async look(): Promise<void> {
    const now = this.#clock.now()
    const found: { key: string; pair: SliverPairIndex; bytes: number; usedAt: number }[] = []
    for (const name of await readdir(this.#folder)) {
      const [, key, pair] = NAME.exec(name) ?? []
      if (key === undefined && !name.endsWith(TEMPORARY)) continue
      // another process may have removed it
      const file = await stat(join(this.#folder, name)).catch(() => undefined)
      if (file === undefined) continue
      if (key !== undefined)
        found.push({ key, pair: Number(pair) as SliverPairIndex, bytes: file.size, usedAt: file.mtimeMs })
      else if (now - file.mtimeMs > STALE_MS) await rm(join(this.#folder, name), { force: true })
    }
    this.#index.clear()
    for (const { key, pair, ...kept } of found.sort((a, b) => a.usedAt - b.usedAt))
      this.#index.set(key, pair, kept)
    this.#writtenBytes = 0
    await this.#makeRoom(0)
  }

  async #write(key: string, pair: SliverPairIndex, bytes: Uint8Array): Promise<void> {
    if (this.#writtenBytes >= this.#maxBytes / LOOKS) await this.look()
    await this.#makeRoom(bytes.length)
    const path = this.#path(key, pair)
    const temporary = `${path}.${process.pid}-${this.#serial++}${TEMPORARY}`
    try {
      await writeFile(temporary, bytes, { mode: 0o600, flag: 'wx' })
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    this.#index.set(key, pair, { bytes: bytes.length, usedAt: this.#clock.now() })
    await this.#touch(path)
    this.#writtenBytes += bytes.length
  }

  /** The longest unused go. */
  async #makeRoom(bytes: number): Promise<void> {
    const oldestMs = this.#clock.now() - this.#maxAgeMs
    for (const { key, pair, usedAt } of this.#index.oldestFirst()) {
      const fits = this.#index.bytes + bytes <= this.#maxBytes && this.#index.size < MAX_FILES
      if (fits && usedAt >= oldestMs) return
      this.#index.delete(key, pair)
      await rm(this.#path(key, pair), { force: true })
    }
  }

  async #touch(path: string): Promise<void> {
    const now = new Date(this.#clock.now())
    await utimes(path, now, now)
  }

  /** One after the other; a failure is not the reader's. */
  #later(act: () => Promise<void>): void {
    this.#working = this.#working
      .then(act)
      .catch(err =>
        this.#log.debug({ err, folder: this.#folder }, 'the cache of slivers could not be written'),
      )
  }

  #path(key: string, pair: SliverPairIndex): string {
    return join(this.#folder, `${key}-${pair}`)
  }
}

const keyOf = (blobId: BlobId): string => Buffer.from(blobIdToBytes(blobId)).toString('hex')
