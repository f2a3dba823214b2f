import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../../../base/atomic-file.ts'
import type { Log } from '../../../base/log.ts'
import {
  type Codec,
  CodecError,
  createCodec,
  isMetadata,
  SLIVER_HEAD_BYTES,
  sliverLengthAt,
  sliverRefsOf,
} from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, SliverRef } from '../../../codec/types.ts'
import type { AbortOptions } from '../../../protocols/ports.ts'
import { renewEndings } from './blob-records.ts'
import { damagedStore, StoreError } from './errors.ts'
import { blobIdFromHex, CURSOR_KEY, PENDING_PREFIX, pendingKey, SLIVER_PREFIX, sliverKey } from './keys.ts'
import { locationsOf, parseLocation } from './locations.ts'
import { createMetadataStore } from './metadata-store.ts'
import { isMissing, namesIn, type SliverLocation, sha256Hex } from './pack-file.ts'
import {
  commitInSlices,
  encodeJson,
  openRecords,
  type RecordOperation,
  type Records,
  repairRecords,
} from './records.ts'
import { checkSchema } from './schema.ts'
import { recountUsage } from './usage-counter.ts'

export interface RepairInit extends AbortOptions {
  /** system object ID of the network that the store belongs to */
  network: string
  nShards: number
  log: Log
}

export interface RepairReport {
  /** slivers that are served again, or still */
  slivers: number
  /** those that do not match their blob's metadata */
  wrongSlivers: number
  /** files in which nothing could be read as a sliver; they are left where they are */
  unreadableFiles: number
}

/** A file that is there while a repair has begun and not ended. */
export const REPAIRING = 'repairing'

const PACK_NAME = /^[0-9a-f]{2}\/([0-9a-f]{64})\.[0-9a-f]+$/

/**
 * Mends a node's store whose index is damaged or gone, while no node runs on it: Level's own repair, then every sliver's
 * record anew from the files, each checked against the blob's metadata where the index still has that. What the chain
 * says of blobs is read again from the beginning at the next start. An index that cannot be read through after Level's
 * repair is put aside for a new one. Nothing is deleted but records. Throws StoreError: STORE_LOCKED, STORE_FOREIGN,
 * STORE_NEWER.
 */
export async function repairNodeStore(path: string, init: RepairInit): Promise<RepairReport> {
  const { log } = init
  const index = join(path, 'index')
  await mkdir(index, { recursive: true, mode: 0o700 })
  // nobody shall take a half of it for the whole
  const repairing = join(path, REPAIRING)
  const isMended = await repairRecords(index, async () => {
    await writeFile(repairing, '')
    await syncFolder(path)
  })
  const mended = isMended ? rebuild(path, init) : Promise.reject(damagedStore(path, 'index'))
  const report = await mended.catch(async error => {
    if (!(error instanceof StoreError) || error.code !== 'STORE_DAMAGED') throw error
    // Level's repair believes what the checksums of its tables would refute, or ends by it
    const aside = `${index}.${randomBytes(4).toString('hex')}`
    log.warn({ path, aside, err: error }, 'the index cannot be read through; beginning a new one beside it')
    await rename(index, aside)
    await mkdir(index, { mode: 0o700 })
    return await rebuild(path, init)
  })
  await rm(repairing)
  log.info({ path, ...report }, 'repaired a store')
  return report
}

/** What there is to be known, from the index that can be opened now and the files. */
async function rebuild(path: string, { network, nShards, signal }: RepairInit): Promise<RepairReport> {
  const records = await openRecords(join(path, 'index'))
  const codec = createCodec({ threads: 0 })
  try {
    await checkSchema(records, { path, network, isRepair: true })
    const abandoned = await takePending(records)
    await commitInSlices(records, renewEndings(records))
    const packs = { path: join(path, 'slivers'), records, codec, nShards, ...(signal && { signal }) }
    const report = await indexPacks(packs)
    await forgetMissing(packs)
    await abandonAgain(records, abandoned)
    await commitInSlices(records, recountUsage(records))
    // without a cursor the chain's events are read from the beginning
    await records.commit([{ type: 'del', key: CURSOR_KEY }], { sync: true })
    return report
  } finally {
    await codec.close()
    await records.close()
  }
}

/** Files that were being written or removed: they are looked at like the others. */
async function takePending(records: Records): Promise<string[]> {
  const files: string[] = []
  for await (const key of records.keys(PENDING_PREFIX)) files.push(key.slice(PENDING_PREFIX.length))
  await commitInSlices(records, deletions(files.map(pendingKey)))
  return files
}

/** Those in which nothing was needed after all: the next start removes them. */
async function abandonAgain(records: Records, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const blobId = blobIdOfPack(file)
    const needed = blobId === undefined ? [] : [...(await locationsOf(records, blobId)).values()]
    if (needed.some(location => location.file === file)) continue
    await records.commit([{ type: 'put', key: pendingKey(file), value: new Uint8Array() }])
  }
}

async function* deletions(keys: Iterable<string>): AsyncIterable<RecordOperation> {
  for (const key of keys) yield { type: 'del', key }
}

interface Packs extends AbortOptions {
  path: string
  records: Records
  codec: Pick<Codec, 'verifySliver'>
  nShards: number
}

/** The records of all slivers, from nothing but the files. */
async function indexPacks(packs: Packs): Promise<RepairReport> {
  const report: RepairReport = { slivers: 0, wrongSlivers: 0, unreadableFiles: 0 }
  for await (const { file, blobId } of packFiles(packs.path)) {
    packs.signal?.throwIfAborted()
    const { found, wrong } = await slicesOf(packs, file, blobId)
    report.wrongSlivers += wrong
    if (found.size === 0) report.unreadableFiles++
    const known = await locationsOf(packs.records, blobId)
    const operations: RecordOperation[] = []
    for (const [key, location] of known) {
      if (location.file === file && !found.has(key)) operations.push({ type: 'del', key })
    }
    for (const [key, location] of found) {
      operations.push({ type: 'put', key, value: encodeJson(location) })
    }
    await packs.records.commit(operations, { sync: true })
  }
  for await (const _ of packs.records.keys(SLIVER_PREFIX)) report.slivers++
  return report
}

/** What a file holds, by the keys of the slivers' records. */
async function slicesOf(
  packs: Packs,
  file: string,
  blobId: BlobId,
): Promise<{ found: Map<string, SliverLocation>; wrong: number }> {
  const found = new Map<string, SliverLocation>()
  let wrong = 0
  const metadata = await trustedMetadata(packs, blobId)
  const known = await locationsOf(packs.records, blobId)
  for await (const { offset, bytes } of sliversIn(join(packs.path, file))) {
    const ref = await refOf(packs, metadata, bytes)
    const sha256 = await sha256Hex(bytes)
    const key = ref && sliverKey(blobId, ref)
    const before = key === undefined ? undefined : known.get(key)
    // without metadata the old record is the best witness
    const altered = before?.file === file && before.offset === offset && before.sha256 !== sha256
    if (key === undefined || (metadata === undefined && altered)) wrong++
    else found.set(key, { file, offset, length: bytes.length, sha256 })
  }
  return { found, wrong }
}

/** Drops records of slivers whose file is not there. */
async function forgetMissing({ path, records }: Packs): Promise<void> {
  const present = new Map<string, boolean>()
  const dangling: string[] = []
  for await (const { key, value } of records.list(SLIVER_PREFIX)) {
    const file = parseLocation(value)?.file ?? ''
    if (!present.has(file)) {
      // records of one file lie together
      present.clear()
      present.set(file, file !== '' && (await exists(join(path, file))))
    }
    if (present.get(file) === false) dangling.push(key)
  }
  await commitInSlices(records, deletions(dangling))
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

async function* packFiles(path: string): AsyncIterable<{ file: string; blobId: BlobId }> {
  for (const folder of (await namesIn(path)).filter(name => /^[0-9a-f]{2}$/.test(name))) {
    for (const name of await namesIn(join(path, folder))) {
      const file = `${folder}/${name}`
      const blobId = blobIdOfPack(file)
      if (blobId !== undefined) yield { file, blobId }
    }
  }
}

function blobIdOfPack(file: string): BlobId | undefined {
  const hex = PACK_NAME.exec(file)?.[1]
  return hex === undefined ? undefined : blobIdFromHex(hex)
}

/** One sliver after the other, by the lengths that they themselves say; ends where none can begin. */
async function* sliversIn(path: string): AsyncIterable<{ offset: number; bytes: Uint8Array }> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const head = new Uint8Array(SLIVER_HEAD_BYTES)
    for (let offset = 0; offset < size; ) {
      const { bytesRead } = await file.read(head, 0, head.length, offset)
      const length = sliverLengthAt(head.subarray(0, bytesRead))
      if (length === undefined || offset + length > size) return
      const bytes = new Uint8Array(length)
      if ((await file.read(bytes, 0, length, offset)).bytesRead < length) return
      yield { offset, bytes }
      offset += length
    }
  } finally {
    await file.close()
  }
}

/** undefined when it is gone or does not give the blob ID any more. */
async function trustedMetadata(
  { records, nShards }: Packs,
  blobId: BlobId,
): Promise<BlobMetadata | undefined> {
  const metadata = await createMetadataStore(records, nShards).get(blobId)
  return metadata?.blobId === blobId && isMetadata(metadata) ? metadata : undefined
}

/** Which sliver this is. Without metadata the form must do: whoever reads it checks it, and so does custody. */
async function refOf(
  { codec, nShards, signal }: Packs,
  metadata: BlobMetadata | undefined,
  bytes: Uint8Array,
): Promise<SliverRef | undefined> {
  const refs = sliverRefsOf(nShards, bytes)
  if (metadata === undefined) return refs.length === 1 ? refs[0] : undefined
  for (const ref of refs) {
    try {
      await codec.verifySliver(metadata, ref, bytes, signal && { signal })
      return ref
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof CodecError)) throw error
    }
  }
  return undefined
}
