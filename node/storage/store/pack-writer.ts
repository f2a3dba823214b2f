import { mkdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncFolder } from '../../../base/atomic-file.ts'
import type { Clock } from '../../../base/clock.ts'
import { nextTurn } from '../../../base/turn.ts'
import { blobIdOfSliver, refOfSliverKey } from './keys.ts'
import { lookAt, type SliverLocation, sha256Hex, type writePack } from './pack-file.ts'
import { encodeFrameHead, FRAME_HEAD_BYTES } from './pack-frame.ts'
import type { PackIndex, SliverChange } from './pack-index.ts'
import { footprintOf, shardOfPack } from './pack-name.ts'
import type { VerifiedSlivers } from './verified-slivers.ts'

/** Below the folder of slivers; emptied when the store is opened. */
export const TEMPORARY = 'tmp'

export interface PackWriterInit {
  /** folder of the slivers */
  path: string
  index: PackIndex
  verified: VerifiedSlivers
  clock: Clock
  /** `writePack`, or what stands before it in tests */
  write: typeof writePack
}

/** A sliver that goes into a pack. */
export interface PackItem {
  /** of its record */
  key: string
  bytes: Uint8Array
  /** where it lay until now, if it only moves: when it lies elsewhere by then, nothing changes */
  from?: SliverLocation
}

/** A file to be written, whole or not at all. */
export interface NewPack {
  /** path below the folder of slivers */
  file: string
  items: readonly PackItem[]
}

/** What is hashed in one go takes some half millisecond, and a sliver as long as so many bytes at least. */
const HASHED_BYTES = 512 * 1024
const LEAST_HASHED_BYTES = 4 * 1024

/** Packs that are written at a time: syncs wait for the disk, not for the CPU. */
const AT_A_TIME = 4

/**
 * Writes packs: pending record, temporary file, sync, rename, sync of the folder, index records with a sync. A kill at any
 * point leaves either no index record (and what lies about is removed at the next open) or whole slivers.
 */
export class PackWriter {
  readonly #init: PackWriterInit
  readonly #folders = new Map<string, Promise<void>>()

  constructor(init: PackWriterInit) {
    this.#init = init
  }

  /** Durable, and where the index says, when it resolves. */
  async write(packs: readonly NewPack[]): Promise<void> {
    const { index, path } = this.#init
    const files = packs.map(({ file }) => file)
    // a pack of many blobs is large: not even a power cut may leave one behind of which no record tells
    await index.begin(files, { sync: files.some(file => shardOfPack(file) !== undefined) })
    try {
      const changes: SliverChange[] = []
      const written = new Map<string, number>()
      for (let i = 0; i < packs.length; i += AT_A_TIME) {
        const some = packs.slice(i, i + AT_A_TIME)
        changes.push(...(await Promise.all(some.map(pack => this.#writeOne(pack)))).flat())
        for (const { file, items } of some) written.set(file, bytesOf(file, items))
      }
      await index.apply({ slivers: changes, written, sync: true })
    } catch (error) {
      // a disk that is full shall not stay so because of what no record speaks of
      for (const file of files) await rm(join(path, file), { force: true })
      throw error
    }
  }

  async #writeOne({ file, items }: NewPack): Promise<SliverChange[]> {
    const { path, write, verified, clock } = this.#init
    const isFramed = shardOfPack(file) !== undefined
    await this.#folder(dirname(file))
    const [hashes] = await Promise.all([
      hashesOf(items),
      write(
        join(path, TEMPORARY, basename(file)),
        join(path, file),
        items.flatMap(({ key, bytes }) => (isFramed ? [headOf(key, bytes), bytes] : [bytes])),
      ),
    ])
    // a file of ours looks as no later change can leave it
    const look = await lookAt(join(path, file), clock.now())
    let offset = 0
    return items.map(({ key, bytes, from }, i) => {
      if (isFramed) offset += FRAME_HEAD_BYTES
      const to: SliverLocation = { file, offset, length: bytes.length, sha256: hashes[i]! }
      offset += bytes.length
      if (from === undefined) verified.add(key, to, look?.identity)
      else verified.move(key, from, to, look?.identity)
      return { key, to, from }
    })
  }

  #folder(name: string): Promise<void> {
    const path = join(this.#init.path, name)
    let made = this.#folders.get(name)
    if (made === undefined) {
      made = mkdir(path, { recursive: true }).then(() => syncFolder(dirname(path)))
      this.#folders.set(name, made)
      made.catch(() => this.#folders.delete(name))
    }
    return made
  }
}

/** A page's worth of slivers takes the loop for some milliseconds: others have their turns between. */
async function hashesOf(items: readonly PackItem[]): Promise<string[]> {
  const hashes: string[] = []
  let sinceTurn = 0
  for (const { bytes, from } of items) {
    hashes.push(from?.sha256 ?? (await sha256Hex(bytes)))
    sinceTurn += bytes.length + LEAST_HASHED_BYTES
    if (sinceTurn < HASHED_BYTES) continue
    sinceTurn = 0
    await nextTurn()
  }
  return hashes
}

const headOf = (key: string, { length }: Uint8Array): Uint8Array =>
  encodeFrameHead({ blobId: blobIdOfSliver(key), ref: refOfSliverKey(key), length })

const bytesOf = (file: string, items: readonly PackItem[]): number =>
  items.reduce((sum, { bytes }) => sum + footprintOf({ file, length: bytes.length }), 0)
