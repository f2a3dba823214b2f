import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { BlobId, ShardIndex, SliverRef } from '../../../codec/types.ts'
import type { AbortOptions, OpenSliver, SliverCheck } from '../../../protocols/ports.ts'
import { Batcher } from './batcher.ts'
import { type IndexScrubberInit, scrubIndex } from './index-scrubber.ts'
import {
  blobHex,
  blobIdFromHex,
  blobIdOfSliver,
  PENDING_PREFIX,
  refOfSliverKey,
  sliverKey,
  sliversOfBlob,
} from './keys.ts'
import {
  type InlineSliver,
  inlineOf,
  isInline,
  isIntact,
  isSamePlace,
  parsePlace,
  type SliverPlace,
} from './locations.ts'
import { openBytes } from './open-bytes.ts'
import {
  isUnaltered,
  lookAt,
  openPack,
  readAt,
  readPack,
  type SliverLocation,
  sha256Hex,
  writePack,
} from './pack-file.ts'
import { type PackChange, PackIndex } from './pack-index.ts'
import { nameBlobPack } from './pack-name.ts'
import { PackRewriter } from './pack-rewriter.ts'
import { type PackScrubberInit, scrubPacks, scrubUntold } from './pack-scrubber.ts'
import { type PackItem, PackWriter, TEMPORARY } from './pack-writer.ts'
import type { RecordOperation, Records } from './records.ts'
import type { Room } from './room.ts'
import { listShard } from './shard-list.ts'
import { batchesOf } from './shard-packs.ts'
import type {
  NewSliver,
  ScrubbedFile,
  ScrubOptions,
  ShardEntry,
  ShardedSliverStore,
  ShardPage,
} from './shard-slivers.ts'
import type { UsageCounter } from './usage-counter.ts'
import { VerifiedSlivers } from './verified-slivers.ts'

export interface DamagedSliver {
  blobId: BlobId
  ref: SliverRef
  file: string
}

export interface FileSliverStoreInit {
  /** folder for the files */
  path: string
  nShards: number
  records: Records
  usage: UsageCounter
  clock: Clock
  room: Pick<Room, 'failed' | 'expectForUpkeep'>
  /** `writePack`, or what stands before it in tests */
  write?: typeof writePack
  /** slivers of uploads up to so many bytes lie in the index; INLINE_BYTES when absent */
  inlineBytes?: number | undefined
  log: Log
  /** A file is gone, cut off or altered; the sliver counts as not stored from here on. */
  onDamaged?: (damaged: DamagedSliver) => void
}

export interface FileSliverStore extends ShardedSliverStore {
  /** No file is removed until what it gives is called. */
  holdFiles(): () => Promise<void>
  /** Waits for writes under way. */
  close(): Promise<void>
}

/** A page: the write of a file with less would take as much of the disk, and three syncs besides that of the index. */
const INLINE_BYTES = 4 * 1024

/**
 * Slivers in files, but for small ones of uploads, which lie in the index. What is put for one blob at about the same time shares a file ("pack") and so its syncs; the index
 * record of each sliver says where it lies, how long it is and its hash. Slivers that come for many blobs at once share one
 * per shard.
 */
export async function openFileSliverStore(init: FileSliverStoreInit): Promise<FileSliverStore> {
  await mkdir(join(init.path, TEMPORARY), { recursive: true })
  for (const name of await readdir(join(init.path, TEMPORARY))) {
    await rm(join(init.path, TEMPORARY, name), { force: true })
  }
  const swept: RecordOperation[] = []
  for await (const { key } of init.records.list(PENDING_PREFIX)) {
    await rm(join(init.path, key.slice(PENDING_PREFIX.length)), { force: true })
    swept.push({ type: 'del', key })
  }
  if (swept.length > 0) {
    await init.records.commit(swept)
    init.log.info({ files: swept.length }, 'removed files of an interrupted upload')
  }
  return new PackedSliverStore(init)
}

const bytesOf = (sum: number, { bytes }: PackItem): number => sum + bytes.length

/** Blobs whose slivers are removed in one batch. */
const DELETED_AT_A_TIME = 500

class PackedSliverStore implements FileSliverStore {
  readonly #init: FileSliverStoreInit
  readonly #batcher: Batcher<PackItem>
  readonly #verified = new VerifiedSlivers()
  readonly #index: PackIndex
  readonly #writer: PackWriter
  readonly #rewriter: PackRewriter
  readonly #scrubber: PackScrubberInit & IndexScrubberInit
  readonly #inlineBytes: number

  constructor(init: FileSliverStoreInit) {
    this.#init = init
    const { path, records, usage, clock, log, write = writePack, inlineBytes = INLINE_BYTES } = init
    this.#inlineBytes = inlineBytes
    const remove = (file: string) => rm(this.#path(file), { force: true })
    const onSparse = () => this.#rewriter.notice()
    this.#index = new PackIndex({ records, usage, remove, onSparse, log })
    this.#writer = new PackWriter({ path, index: this.#index, verified: this.#verified, clock, write })
    const damaged = (key: string, location: SliverPlace) =>
      this.#damaged(blobIdOfSliver(key), refOfSliverKey(key), location)
    this.#scrubber = { path, records, damaged }
    this.#rewriter = new PackRewriter({ path, records, writer: this.#writer, clock, log, damaged })
    this.#rewriter.start()
    this.#batcher = new Batcher((hex, items) => this.#noticing(this.#writeBatch(blobIdFromHex(hex), items)))
  }

  /** With room again, or file descriptors, the next write will do. */
  #noticing(writing: Promise<void>): Promise<void> {
    return writing.catch(error => {
      this.#init.room.failed(error)
      throw error
    })
  }

  async has(blobId: BlobId, ref: SliverRef): Promise<boolean> {
    const location = await this.#locate(blobId, ref)
    if (location === undefined) return false
    if (await this.#isWhole(location)) return true
    return (await this.#damaged(blobId, ref, location)) ? false : this.has(blobId, ref)
  }

  async holds(blobId: BlobId, ref: SliverRef, check: SliverCheck): Promise<boolean> {
    for (;;) {
      check.signal.throwIfAborted()
      const location = await this.#locate(blobId, ref)
      if (location === undefined) return false
      if (await this.#isRight(sliverKey(blobId, ref), location, check)) return true
      // otherwise it was replaced meanwhile
      if (await this.#damaged(blobId, ref, location)) return false
    }
  }

  /** As little as will do: a look at the file, its hash, or the whole check, which expands the sliver. */
  async #isRight(key: string, location: SliverPlace, check: SliverCheck): Promise<boolean> {
    if (isInline(location)) return await this.#isRightInline(key, location, check)
    const path = this.#path(location.file)
    const look = await lookAt(path, this.#init.clock.now())
    if (look === undefined || look.size < location.offset + location.length) return false
    const known = this.#verified.get(key, location, look)
    if (known === 'untouched') return true
    const { signal, quota } = check
    await quota?.pace(location.length, signal)
    const release = await quota?.hold(location.length, signal)
    try {
      const leave = await quota?.disk(signal)
      // the record's hash is that of bytes that were verified once, and known to be: where they lie may be another's record
      const reading = known === 'known' ? isUnaltered(path, location, signal) : readPack(path, location)
      const found = await reading.finally(leave)
      if (found === undefined || found === false) return false
      if (found !== true && !(await check.isRight(found))) return false
      this.#verified.add(key, location, look.isSettled ? look.identity : undefined)
      return true
    } finally {
      release?.()
    }
  }

  async #isRightInline(key: string, sliver: InlineSliver, check: SliverCheck): Promise<boolean> {
    if (!isIntact(sliver)) return false
    if (this.#verified.has(key, sliver)) return true
    const { signal, quota } = check
    await quota?.pace(sliver.length, signal)
    const release = await quota?.hold(sliver.length, signal)
    try {
      if (!(await check.isRight(sliver.bytes))) return false
      this.#verified.add(key, sliver)
      return true
    } finally {
      release?.()
    }
  }

  get(blobId: BlobId, ref: SliverRef, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> {
    return this.#read(blobId, ref, signal, readPack, bytes => bytes)
  }

  open(blobId: BlobId, ref: SliverRef, { signal }: AbortOptions = {}): Promise<OpenSliver | undefined> {
    const openFile = async (path: string, location: SliverLocation, signal?: AbortSignal) => {
      const sliver = await openPack(path, location, signal)
      return sliver && this.#following(blobId, ref, location, sliver)
    }
    return this.#read(blobId, ref, signal, openFile, openBytes)
  }

  /** The same sliver, wherever its bytes are moved to while it is read. */
  #following(blobId: BlobId, ref: SliverRef, location: SliverLocation, sliver: OpenSliver): OpenSliver {
    return {
      length: sliver.length,
      read: async (offset, length) => {
        const bytes = await sliver.read(offset, length)
        if (bytes !== undefined) return bytes
        const now = await this.#locate(blobId, ref)
        const isMoved =
          now !== undefined &&
          !isInline(now) &&
          now.length === location.length &&
          now.sha256 === location.sha256
        if (!isMoved) return undefined
        return readAt(this.#path(now.file), now.offset + offset, length)
      },
    }
  }

  async put(blobId: BlobId, ref: SliverRef, bytes: Uint8Array, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    const item = { key: sliverKey(blobId, ref), bytes }
    if (bytes.length <= this.#inlineBytes) await this.#noticing(this.#putInline(item))
    else await this.#batcher.add(blobHex(blobId), item)
  }

  /** All that come at about the same time, of whichever blobs, are one batch of the index, and share its sync. */
  async #putInline({ key, bytes }: PackItem): Promise<void> {
    const place = inlineOf(bytes)
    this.#verified.add(key, place)
    await this.#index.apply({ slivers: [{ key, to: place }], sync: true })
  }

  async putMany(slivers: readonly NewSliver[], { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    const items = slivers.map(({ blobId, ref, bytes }) => ({ key: sliverKey(blobId, ref), bytes }))
    for (const packs of batchesOf(await this.#missing(items), this.#init.nShards)) {
      signal?.throwIfAborted()
      await this.#init.room.expectForUpkeep(packs.flatMap(pack => pack.items).reduce(bytesOf, 0))
      await this.#noticing(this.#writer.write(packs))
    }
  }

  listShard(shard: ShardIndex, page: ShardPage): Promise<ShardEntry[]> {
    return listShard(this.#init.records, this.#init.nShards, shard, page)
  }

  async deleteShard(shard: ShardIndex, { signal }: AbortOptions = {}): Promise<void> {
    for (let after: BlobId | undefined; ; ) {
      const range = { limit: DELETED_AT_A_TIME, after, signal }
      const entries = await this.listShard(shard, range)
      const keys = entries.flatMap(({ blobId, refs }) => refs.map(ref => sliverKey(blobId, ref)))
      if (keys.length > 0) await this.#drop({ slivers: keys.map(key => ({ key })) })
      if (entries.length < DELETED_AT_A_TIME) return
      after = entries.at(-1)?.blobId
    }
  }

  async *scrub(options: ScrubOptions): AsyncIterable<ScrubbedFile> {
    yield* scrubPacks(this.#scrubber, options)
    yield* scrubIndex(this.#scrubber, options)
  }

  scrubUntold(files: ReadonlySet<string>, options: ScrubOptions): AsyncIterable<ScrubbedFile> {
    return scrubUntold(this.#scrubber, files, options)
  }

  async list(blobId: BlobId): Promise<SliverRef[]> {
    const refs: SliverRef[] = []
    for await (const { key } of this.#init.records.list(sliversOfBlob(blobId))) refs.push(refOfSliverKey(key))
    return refs
  }

  delete(blobId: BlobId): Promise<void> {
    return this.#drop({ below: sliversOfBlob(blobId) })
  }

  async #drop(change: PackChange): Promise<void> {
    for (const key of await this.#index.apply(change)) this.#verified.forget(key)
  }

  holdFiles(): () => Promise<void> {
    return this.#index.hold()
  }

  async close(): Promise<void> {
    await this.#rewriter.stop()
    await this.#batcher.idle()
    await this.#index.idle()
  }

  #path(file: string): string {
    return join(this.#init.path, file)
  }

  /** What `read` makes of a sliver that is whole. */
  async #read<T>(
    blobId: BlobId,
    ref: SliverRef,
    signal: AbortSignal | undefined,
    read: (path: string, location: SliverLocation, signal?: AbortSignal) => Promise<T | undefined>,
    give: (bytes: Uint8Array) => T,
  ): Promise<T | undefined> {
    for (;;) {
      const location = await this.#locate(blobId, ref)
      signal?.throwIfAborted()
      if (location === undefined) return undefined
      const found = isInline(location)
        ? isIntact(location)
          ? give(location.bytes)
          : undefined
        : await read(this.#path(location.file), location, signal)
      // otherwise it was replaced, and its file removed, between the look at the index and the one at the file
      if (found !== undefined || (await this.#damaged(blobId, ref, location))) return found
    }
  }

  /** A look at the length notices missing and cut files without reading them. */
  async #isWhole(place: SliverPlace): Promise<boolean> {
    if (isInline(place)) return isIntact(place)
    const { file, offset, length } = place
    const look = await lookAt(this.#path(file), this.#init.clock.now())
    return look !== undefined && look.size >= offset + length
  }

  async #locate(blobId: BlobId, ref: SliverRef): Promise<SliverPlace | undefined> {
    const record = await this.#init.records.get(sliverKey(blobId, ref))
    return record === undefined ? undefined : parsePlace(record)
  }

  async #writeBatch(blobId: BlobId, batch: readonly PackItem[]): Promise<void> {
    const items = await this.#missing(batch)
    if (items.length > 0) await this.#writer.write([{ file: nameBlobPack(blobId), items }])
  }

  /** Those that are not stored already, each once: several uploads of one blob bring the same slivers. */
  async #missing(batch: readonly PackItem[]): Promise<PackItem[]> {
    const items = [...new Map(batch.map(item => [item.key, item])).values()]
    const records = await this.#init.records.getMany(items.map(({ key }) => key))
    const missing: PackItem[] = []
    for (const [i, item] of items.entries()) {
      const record = records[i]
      const location = record && parsePlace(record)
      if (location === undefined || !(await this.#isStored(item, location))) missing.push(item)
    }
    return missing
  }

  /** By its bytes, not by its length: what comes again may come because of damage. */
  async #isStored({ key, bytes }: PackItem, location: SliverPlace): Promise<boolean> {
    if (isInline(location)) return isSamePlace(location, inlineOf(bytes))
    if (location.length !== bytes.length || location.sha256 !== (await sha256Hex(bytes))) return false
    const look = await lookAt(this.#path(location.file), this.#init.clock.now())
    if (look === undefined) return false
    if (this.#verified.get(key, location, look) === 'untouched') return true
    if (!(await isUnaltered(this.#path(location.file), location))) return false
    this.#verified.add(key, location, look.isSettled ? look.identity : undefined)
    return true
  }

  /** Forgets a damaged sliver. False when the record is another one by now: a put has replaced the sliver meanwhile. */
  async #damaged(blobId: BlobId, ref: SliverRef, location: SliverPlace): Promise<boolean> {
    const { log, onDamaged } = this.#init
    const file = isInline(location) ? 'index' : location.file
    const key = sliverKey(blobId, ref)
    // noted in the same batch: a kill must not forget that it is missing
    const dropped = await this.#index.apply({ slivers: [{ key, from: location }], damaged: true })
    // when it is gone, another reader has noticed the damage, or the blob was deleted
    if (dropped.length === 0) return (await this.#locate(blobId, ref)) === undefined
    this.#verified.forget(key)
    log.error({ blobId, ...ref, file }, 'stored sliver is damaged; not served any more')
    onDamaged?.({ blobId, ref, file })
    return true
  }
}
