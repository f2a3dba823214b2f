import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Codec,
  CodecError,
  SLIVER_HEAD_BYTES,
  sliverLengthAt,
  sliverRefsOf,
} from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, SliverRef } from '../../../codec/types.ts'
import type { AbortOptions } from '../../../protocols/ports.ts'
import { SLIVER_PREFIX, sliverKey } from './keys.ts'
import { isInline, isIntact, locationsOf, parseLocation, parsePlace } from './locations.ts'
import { isMissing, namesIn, readAt, type SliverLocation, sha256Hex } from './pack-file.ts'
import { decodeFrameHead, FRAME_HEAD_BYTES, type Frame, framesIn } from './pack-frame.ts'
import { blobOfPack, isPackFolder, shardOfPack } from './pack-name.ts'
import { commitInSlices, deletions, encodeJson, type Records } from './records.ts'

export interface Packs extends AbortOptions {
  path: string
  records: Records
  codec: Pick<Codec, 'verifySliver'>
  nShards: number
  /** undefined when it is gone or does not give the blob ID any more */
  metadataOf(blobId: BlobId): Promise<BlobMetadata | undefined>
}

export interface RepairReport {
  /** slivers that are served again, or still */
  slivers: number
  /** those that do not match their blob's metadata */
  wrongSlivers: number
  /** files in which nothing could be read as a sliver; they are left where they are */
  unreadableFiles: number
}

/**
 * The records of all slivers, from nothing but the files, each checked against the blob's metadata where there is some.
 * Records of slivers that are not where they say are dropped.
 */
export async function indexPacks(packs: Packs): Promise<RepairReport> {
  const report: RepairReport = { slivers: 0, wrongSlivers: 0, unreadableFiles: 0 }
  for await (const file of packFiles(packs.path)) {
    packs.signal?.throwIfAborted()
    if (!isPack(file)) continue
    const found = new Map<string, SliverLocation>()
    const refuted = await recordsIn(packs.records, file)
    for await (const { blobId, ref, key, location } of foundIn(packs, file)) {
      if (ref !== undefined) refuted.add(sliverKey(blobId, ref))
      if (key === undefined) report.wrongSlivers++
      else found.set(key, location)
    }
    if (found.size === 0) report.unreadableFiles++
    const known = await packs.records.getMany([...refuted])
    const wrong = [...refuted].filter((key, i) => !found.has(key) && fileOf(known[i]) === file)
    await packs.records.commit(
      [
        ...wrong.map(key => ({ type: 'del' as const, key })),
        ...Array.from(found, ([key, location]) => ({
          type: 'put' as const,
          key,
          value: encodeJson(location),
        })),
      ],
      { sync: true },
    )
  }
  await forgetMissing(packs)
  for await (const _ of packs.records.keys(SLIVER_PREFIX)) report.slivers++
  return report
}

const fileOf = (record: Uint8Array | undefined): string | undefined => record && parseLocation(record)?.file

/** Keys of the records that may speak of a pack of one blob. */
async function recordsIn(records: Records, file: string): Promise<Set<string>> {
  const blobId = blobOfPack(file)
  return new Set(blobId === undefined ? [] : (await locationsOf(records, blobId)).keys())
}

/** What may be a sliver, and what its file says of it. */
interface Slice {
  blobId: BlobId
  ref?: SliverRef
  location: SliverLocation
  bytes: Uint8Array
}

/** What lies in a pack that may be a sliver; `key` is that of its record, when it is one of its blob. */
export async function* foundIn(
  packs: Packs,
  file: string,
): AsyncIterable<Omit<Slice, 'bytes'> & { key: string | undefined }> {
  for await (const slice of slicesIn(packs, file)) {
    const { bytes: _, ...named } = slice
    yield { ...named, key: await keyOf(packs, slice) }
  }
}

async function* slicesIn({ path }: Packs, file: string): AsyncIterable<Slice> {
  const blobOfAll = blobOfPack(file)
  const frames = blobOfAll === undefined ? framesIn(join(path, file)) : sliversIn(join(path, file), blobOfAll)
  for await (const { offset, length, ...named } of frames) {
    const bytes = await readAt(join(path, file), offset, length)
    // cut off, as what follows, or on a bad place of the disk, as what follows need not be
    if (bytes === undefined) continue
    yield { ...named, bytes, location: { file, offset, length, sha256: await sha256Hex(bytes) } }
  }
}

/** The key of its record; undefined when it is no sliver of its blob. */
async function keyOf(packs: Packs, { blobId, ref, location, bytes }: Slice): Promise<string | undefined> {
  const metadata = await packs.metadataOf(blobId)
  const refs = sliverRefsOf(packs.nShards, bytes).filter(
    one => ref === undefined || (one.axis === ref.axis && one.pair === ref.pair),
  )
  const right = await rightOf(packs, metadata, refs, bytes)
  const key = right && sliverKey(blobId, right)
  if (key === undefined || metadata !== undefined) return key
  // without metadata the old record is the best witness
  const record = await packs.records.get(key)
  const before = record && parseLocation(record)
  const isAltered =
    before?.file === location.file && before.offset === location.offset && before.sha256 !== location.sha256
  return isAltered ? undefined : key
}

/** Drops records of slivers whose file is not there, is cut off, or holds no such sliver where they say. */
async function forgetMissing({ path, records }: Packs): Promise<void> {
  const sizeOf = fileSizes(path)
  const dangling: string[] = []
  for await (const { key, value } of records.list(SLIVER_PREFIX)) {
    const location = parsePlace(value)
    if (location !== undefined && isInline(location)) {
      if (!isIntact(location)) dangling.push(key)
      continue
    }
    const isThere = location && isWithin(location, await sizeOf(location.file))
    if (!isThere || !(await hasHead(path, location, key))) dangling.push(key)
  }
  await commitInSlices(records, deletions(dangling))
}

/** Whether a file of so many bytes may hold it. */
export const isWithin = ({ offset, length }: SliverLocation, size: number): boolean =>
  size > 0 && size >= offset + length

/** How long packs are, 0 for what is none. Of those that were looked at lately it is known. */
export function fileSizes(path: string): (file: string) => Promise<number> {
  const sizes = new Map<string, number>()
  return async file => {
    let size = sizes.get(file)
    if (size === undefined) {
      // records of one file lie together, unless it is one of many blobs
      if (sizes.size >= REMEMBERED) sizes.clear()
      size = await sizeOf(join(path, file))
      sizes.set(file, size)
    }
    return size
  }
}

const REMEMBERED = 1_000

/** Whether the file says of a sliver what its record does; a pack of one blob says nothing. */
export async function hasHead(
  path: string,
  { file, offset, length }: SliverLocation,
  key: string,
): Promise<boolean> {
  if (shardOfPack(file) === undefined) return true
  if (offset < FRAME_HEAD_BYTES) return false
  const bytes = await readAt(join(path, file), offset - FRAME_HEAD_BYTES, FRAME_HEAD_BYTES)
  const head = bytes && decodeFrameHead(bytes)
  return head !== undefined && head.length === length && sliverKey(head.blobId, head.ref) === key
}

/** 0 for what is no file. */
async function sizeOf(path: string): Promise<number> {
  try {
    const look = await stat(path)
    return look.isFile() ? look.size : 0
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}

/** All files that lie where packs do. */
export async function* packFiles(path: string): AsyncIterable<string> {
  for (const folder of (await namesIn(path)).filter(isPackFolder))
    for (const name of await namesIn(join(path, folder))) yield `${folder}/${name}`
}

/** Whether its name is that of a pack. */
export const isPack = (file: string): boolean =>
  blobOfPack(file) !== undefined || shardOfPack(file) !== undefined

/** One sliver after the other, by the lengths that they themselves say; ends where none can begin. */
async function* sliversIn(path: string, blobId: BlobId): AsyncIterable<Omit<Frame, 'ref'>> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const head = new Uint8Array(SLIVER_HEAD_BYTES)
    for (let offset = 0; offset < size; ) {
      const { bytesRead } = await file.read(head, 0, head.length, offset)
      const length = sliverLengthAt(head.subarray(0, bytesRead))
      if (length === undefined || offset + length > size) return
      yield { blobId, offset, length }
      offset += length
    }
  } finally {
    await file.close()
  }
}

/** Which of these the sliver is. Without metadata the form must do: readers check it, and so does custody. */
async function rightOf(
  { codec, signal }: Packs,
  metadata: BlobMetadata | undefined,
  refs: readonly SliverRef[],
  bytes: Uint8Array,
): Promise<SliverRef | undefined> {
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
