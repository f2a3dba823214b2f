import { constants, copyFile, link, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFolder } from '../../../base/atomic-file.ts'
import type { Clock } from '../../../base/clock.ts'
import type { AbortOptions } from '../../../protocols/ports.ts'
import { SLIVER_PREFIX } from './keys.ts'
import { isInline, parsePlace } from './locations.ts'
import { isMissing } from './pack-file.ts'
import { openRecords, type RecordOperation, type Records } from './records.ts'
import { storedUsage } from './usage-counter.ts'

export interface CopyOptions extends AbortOptions {
  /** bytes of slivers, as many as there were when it began: what comes meanwhile may make them more */
  onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined
}

/** What a copy of a store holds. */
export interface StoreCopy {
  records: number
  slivers: number
  /** of slivers */
  bytes: number
  packs: number
  /** packs that are the same files as those of the store */
  linked: number
}

/** A store that is open. */
export interface CopyFrom {
  path: string
  records: Records
  clock: Clock
  /** node's `link`, but in tests */
  linkFile?: typeof link
}

/** Records of one batch. */
const SLICE = 500
/** Packs that are known to be there; of others it is found out. */
const REMEMBERED = 100_000

/**
 * Copies a store as of one moment, which others may go on writing: its records as of a snapshot, and the packs that these
 * need. Packs are never changed, so on the same disk they are hard links; none may be removed meanwhile. Durable when it
 * resolves. A pack that is gone is not copied: a check of the copy tells. `to` must not be there.
 */
export async function copyStore(
  { path, records, clock, linkFile = link }: CopyFrom,
  to: string,
  { signal, onProgress = () => {} }: CopyOptions = {},
): Promise<StoreCopy> {
  const slivers = join(to, 'slivers')
  await mkdir(slivers, { recursive: true, mode: 0o700 })
  const packs = new PackCopier(join(path, 'slivers'), slivers, linkFile)
  const copy = await openRecords(join(to, 'index'), clock)
  const counts = { records: 0, slivers: 0, bytes: 0 }
  const { bytes: totalBytes } = await storedUsage(records)
  try {
    let slice: RecordOperation[] = []
    // Level reads as of the moment at which it began
    for await (const { key, value } of records.list('/')) {
      signal?.throwIfAborted()
      counts.records++
      slice.push({ type: 'put', key, value })
      const location = key.startsWith(SLIVER_PREFIX) ? parsePlace(value) : undefined
      if (location !== undefined) {
        if (!isInline(location)) await packs.copy(location.file)
        counts.slivers++
        counts.bytes += location.length
        onProgress(counts.bytes, Math.max(totalBytes, counts.bytes))
      }
      if (slice.length < SLICE) continue
      await copy.commit(slice)
      slice = []
    }
    await copy.commit(slice, { sync: true })
  } finally {
    await copy.close()
  }
  await packs.sync()
  return { ...counts, packs: packs.packs, linked: packs.linked }
}

class PackCopier {
  packs = 0
  linked = 0
  readonly #from: string
  readonly #to: string
  readonly #linkFile: typeof link
  readonly #known = new Set<string>()
  readonly #folders = new Set<string>()
  #canLink = true

  constructor(from: string, to: string, linkFile: typeof link) {
    this.#from = from
    this.#to = to
    this.#linkFile = linkFile
  }

  async copy(file: string): Promise<void> {
    if (this.#known.has(file)) return
    if (this.#known.size >= REMEMBERED) this.#known.clear()
    this.#known.add(file)
    const [from, to] = [join(this.#from, file), join(this.#to, file)]
    const folder = dirname(to)
    if (!this.#folders.has(folder)) await mkdir(folder, { recursive: true, mode: 0o700 })
    this.#folders.add(folder)
    try {
      if (await this.#link(from, to)) this.linked++
      else await copyDurably(from, to)
      this.packs++
    } catch (error) {
      // was copied before, or is damage of the store
      if (!isMissing(error) && (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }

  async #link(from: string, to: string): Promise<boolean> {
    if (!this.#canLink) return false
    try {
      await this.#linkFile(from, to)
      return true
    } catch (error) {
      if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'EEXIST') throw error
      // another file system, or one that has no links
      this.#canLink = false
      return false
    }
  }

  async sync(): Promise<void> {
    for (const folder of this.#folders) await syncFolder(folder)
    await syncFolder(this.#to)
    await syncFolder(dirname(this.#to))
  }
}

/** Gives its length; it is on the disk then, its name need not be. Throws node's EEXIST when there is one. */
export async function copyDurably(from: string, to: string): Promise<number> {
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  const file = await open(to, 'r+')
  try {
    await file.sync()
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}
