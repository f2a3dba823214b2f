import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFolder } from '../../../base/atomic-file.ts'
import { KeyedLock } from '../../../base/keyed-lock.ts'
import type { Log } from '../../../base/log.ts'
import type { BlobId, SliverRef } from '../../../codec/types.ts'
import type { AbortOptions, OpenSliver, SliverCheck, SliverStore } from '../../../protocols/ports.ts'
import { Batcher } from './batcher.ts'
import {
  blobHex,
  blobIdFromHex,
  PENDING_PREFIX,
  pendingKey,
  refOfSliverKey,
  sliverKey,
  sliversOfBlob,
} from './keys.ts'
import { locationsOf, parseLocation } from './locations.ts'
import {
  isUnaltered,
  lookAt,
  openPack,
  readPack,
  type SliverLocation,
  sha256Hex,
  writePack,
} from './pack-file.ts'
import { encodeJson, type RecordOperation, type Records } from './records.ts'
import type { Room } from './room.ts'
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
  records: Records
  usage: UsageCounter
  room: Pick<Room, 'failed'>
  /** `writePack`, or what stands before it in tests */
  write?: typeof writePack
  log: Log
  /** A file is gone, cut off or altered; the sliver counts as not stored from here on. */
  onDamaged?: (damaged: DamagedSliver) => void
}

export interface FileSliverStore extends SliverStore {
  /** Waits for writes under way. */
  close(): Promise<void>
}

interface Item {
  ref: SliverRef
  bytes: Uint8Array
}

/** Below the folder; emptied when the store is opened. */
export const TEMPORARY = 'tmp'

/**
 * Slivers in files. What is put for one blob at about the same time shares a file ("pack") and so its syncs; the index
 * record of each sliver says where it lies, how long it is and its hash. Order of writing: pending record, temporary
 * file, sync, rename, sync of the folder, index records with a sync. A kill at any point leaves either no index record
 * (and what lies about is removed at the next open) or a whole sliver.
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

class PackedSliverStore implements FileSliverStore {
  readonly #init: FileSliverStoreInit
  readonly #batcher: Batcher<Item>
  readonly #folders = new Map<string, Promise<void>>()
  readonly #verified = new VerifiedSlivers()
  /** Changes to one blob's records, each of which looks first and then writes: one at a time. */
  readonly #lock = new KeyedLock()

  constructor(init: FileSliverStoreInit) {
    this.#init = init
    this.#batcher = new Batcher((hex, items) =>
      this.#lock
        .run(hex, () => this.#writeBatch(blobIdFromHex(hex), items))
        .catch(error => {
          // with room again, or file descriptors, the next one will do
          init.room.failed(error)
          throw error
        }),
    )
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
  async #isRight(key: string, location: SliverLocation, check: SliverCheck): Promise<boolean> {
    const path = this.#path(location.file)
    const look = await lookAt(path)
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

  get(blobId: BlobId, ref: SliverRef, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> {
    return this.#read(blobId, ref, signal, readPack)
  }

  open(blobId: BlobId, ref: SliverRef, { signal }: AbortOptions = {}): Promise<OpenSliver | undefined> {
    return this.#read(blobId, ref, signal, openPack)
  }

  async put(blobId: BlobId, ref: SliverRef, bytes: Uint8Array, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    await this.#batcher.add(blobHex(blobId), { ref, bytes })
  }

  async list(blobId: BlobId): Promise<SliverRef[]> {
    const refs: SliverRef[] = []
    for await (const { key } of this.#init.records.list(sliversOfBlob(blobId))) refs.push(refOfSliverKey(key))
    return refs
  }

  delete(blobId: BlobId): Promise<void> {
    return this.#lock.run(blobHex(blobId), () => this.#deleteBlob(blobId))
  }

  async #deleteBlob(blobId: BlobId): Promise<void> {
    const files = new Set<string>()
    const operations: RecordOperation[] = []
    let bytes = 0
    for await (const { key, value } of this.#init.records.list(sliversOfBlob(blobId))) {
      operations.push({ type: 'del', key })
      this.#verified.forget(key)
      const location = parseLocation(value)
      if (location !== undefined) files.add(location.file)
      bytes += location?.length ?? 0
    }
    if (operations.length === 0) return
    const change = { slivers: -operations.length, bytes: -bytes }
    await this.#init.usage.commit([...operations, ...abandonment(files)], change)
    await this.#remove(files)
  }

  async close(): Promise<void> {
    await this.#batcher.idle()
    await this.#lock.idle()
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
  ): Promise<T | undefined> {
    for (;;) {
      const location = await this.#locate(blobId, ref)
      signal?.throwIfAborted()
      if (location === undefined) return undefined
      const found = await read(this.#path(location.file), location, signal)
      // otherwise it was replaced, and its file removed, between the look at the index and the one at the file
      if (found !== undefined || (await this.#damaged(blobId, ref, location))) return found
    }
  }

  /** A look at the length notices missing and cut files without reading them. */
  async #isWhole({ file, offset, length }: SliverLocation): Promise<boolean> {
    const look = await lookAt(this.#path(file))
    return look !== undefined && look.size >= offset + length
  }

  /** Removes files whose abandonment was committed. */
  async #remove(files: Iterable<string>): Promise<void> {
    const operations: RecordOperation[] = []
    for (const file of files) {
      await rm(this.#path(file), { force: true })
      operations.push({ type: 'del', key: pendingKey(file) })
    }
    if (operations.length > 0) await this.#init.records.commit(operations)
  }

  async #locate(blobId: BlobId, ref: SliverRef): Promise<SliverLocation | undefined> {
    const record = await this.#init.records.get(sliverKey(blobId, ref))
    return record === undefined ? undefined : parseLocation(record)
  }

  async #writeBatch(blobId: BlobId, batch: Item[]): Promise<void> {
    const stored = await locationsOf(this.#init.records, blobId)
    // several uploads of one blob bring the same slivers: once is enough
    const fresh = new Map(batch.map(item => [sliverKey(blobId, item.ref), item]))
    for (const [key, { bytes }] of fresh) {
      const location = stored.get(key)
      if (location === undefined || location.length !== bytes.length) continue
      if (location.sha256 !== (await sha256Hex(bytes))) continue
      // by its bytes, not by its length: what comes again may come because of damage
      const look = await lookAt(this.#path(location.file))
      if (look === undefined) continue
      if (this.#verified.get(key, location, look) === 'untouched') {
        fresh.delete(key)
        continue
      }
      if (!(await isUnaltered(this.#path(location.file), location))) continue
      this.#verified.add(key, location, look.isSettled ? look.identity : undefined)
      fresh.delete(key)
    }
    if (fresh.size === 0) return
    const before = [...fresh.keys()].flatMap(key => stored.get(key) ?? [])
    const replaced = before.map(({ file }) => file)
    for (const key of fresh.keys()) stored.delete(key)
    const abandoned = unused(replaced, stored.values())
    const items = [...fresh.values()]

    const hex = blobHex(blobId)
    const name = `${hex}.${randomBytes(6).toString('hex')}`
    const file = `${hex.slice(0, 2)}/${name}`
    const { write = writePack } = this.#init
    await this.#init.records.commit([{ type: 'put', key: pendingKey(file), value: new Uint8Array() }])
    await this.#folder(hex.slice(0, 2))
    const [hashes] = await Promise.all([
      Promise.all(items.map(({ bytes }) => sha256Hex(bytes))),
      write(
        join(this.#init.path, TEMPORARY, name),
        this.#path(file),
        items.map(({ bytes }) => bytes),
      ),
    ])
    // a file of ours looks as no later change can leave it
    const look = await lookAt(this.#path(file))
    let offset = 0
    const operations: RecordOperation[] = items.map(({ ref, bytes }, i) => {
      const location: SliverLocation = { file, offset, length: bytes.length, sha256: hashes[i]! }
      offset += bytes.length
      const key = sliverKey(blobId, ref)
      this.#verified.add(key, location, look?.identity)
      return { type: 'put', key, value: encodeJson(location) }
    })
    try {
      await this.#init.usage.commit(
        [...operations, { type: 'del', key: pendingKey(file) }, ...abandonment(abandoned)],
        {
          slivers: items.length - before.length,
          bytes: offset - before.reduce((sum, { length }) => sum + length, 0),
        },
        { sync: true },
      )
    } catch (error) {
      // a disk that is full shall not stay so because of what no record speaks of
      await rm(this.#path(file), { force: true })
      throw error
    }
    await this.#remove(abandoned)
  }

  #folder(name: string): Promise<void> {
    const path = this.#path(name)
    let made = this.#folders.get(name)
    if (made === undefined) {
      made = mkdir(path, { recursive: true }).then(() => syncFolder(dirname(path)))
      this.#folders.set(name, made)
      made.catch(() => this.#folders.delete(name))
    }
    return made
  }

  /** Forgets a damaged sliver. False when the record is another one by now: a put has replaced the sliver meanwhile. */
  #damaged(blobId: BlobId, ref: SliverRef, location: SliverLocation): Promise<boolean> {
    return this.#lock.run(blobHex(blobId), () => this.#forget(blobId, ref, location))
  }

  async #forget(blobId: BlobId, ref: SliverRef, location: SliverLocation): Promise<boolean> {
    const key = sliverKey(blobId, ref)
    const locations = await locationsOf(this.#init.records, blobId)
    const now = locations.get(key)
    // gone: somebody else has noticed the damage, or the blob was deleted
    if (now === undefined) return true
    if (now.file !== location.file || now.offset !== location.offset) return false
    locations.delete(key)
    this.#verified.forget(key)
    const abandoned = unused([location.file], locations.values())
    const change = { slivers: -1, bytes: -now.length }
    await this.#init.usage.commit([{ type: 'del', key }, ...abandonment(abandoned)], change)
    await this.#remove(abandoned)
    this.#init.log.error(
      { blobId, ...ref, file: location.file },
      'stored sliver is damaged; not served any more',
    )
    this.#init.onDamaged?.({ blobId, ref, file: location.file })
    return true
  }
}

/** Those of the files that none of the locations lies in. */
function unused(files: readonly string[], locations: Iterable<SliverLocation>): Set<string> {
  const left = new Set(files)
  for (const { file } of locations) left.delete(file)
  return left
}

/** Notes that files belong to nobody from here on: the next open removes them when their removal is cut short. */
function abandonment(files: Iterable<string>): RecordOperation[] {
  return Array.from(files, file => ({ type: 'put', key: pendingKey(file), value: new Uint8Array() }))
}
