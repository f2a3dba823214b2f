import { createHash, hash, webcrypto } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../../../base/atomic-file.ts'
import { type OpenSliver, SLIVER_PIECE_BYTES } from '../../../protocols/ports.ts'
import { openBytes } from './open-bytes.ts'
import type { FileLook } from './verified-slivers.ts'

/** Where a sliver lies, as the index has it: enough to notice a cut or altered file. */
export interface SliverLocation {
  /** path below the store's sliver folder */
  file: string
  offset: number
  length: number
  /** SHA-256 of the bytes, hex */
  sha256: string
}

/** Above this many bytes (2 ms) hashing moves to the thread pool, at the price of a copy. */
const INLINE_HASH_BYTES = 4 * 1024 * 1024

/** SHA-256, because the CPU's own instructions make it the fastest; it guards against damage, not against peers. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= INLINE_HASH_BYTES) return hash('sha256', bytes, 'hex')
  const digest = await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Buffer.from(digest).toString('hex')
}

const WRITTEN_BEFORE_SECONDS = 60
/** Times on files tick in jiffies, of up to 10 ms. */
const TICK_MS = 50

/** How a file looks, at the time `nowMs` or a little later; undefined when it is missing. */
export async function lookAt(path: string, nowMs: number): Promise<FileLook | undefined> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    const changed = Number((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / 1_000_000n)
    return {
      identity: `${ino} ${size} ${mtimeNs} ${ctimeNs}`,
      size: Number(size),
      isSettled: changed < nowMs - TICK_MS,
    }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Writes several byte strings as one file that is either whole under its name or absent. Durable when it resolves. */
export async function writePack(
  temporary: string,
  path: string,
  parts: readonly Uint8Array[],
): Promise<void> {
  const file = await open(temporary, 'wx', 0o600)
  try {
    try {
      await writeAll(file, parts)
      // a later write, however soon, changes this: times of now might stay the same within a tick of their clock
      const before = (await file.stat()).mtimeMs / 1000 - WRITTEN_BEFORE_SECONDS
      await file.utimes(before, before)
      await file.datasync()
    } finally {
      await file.close()
    }
  } catch (error) {
    // a disk that is full shall not stay so because of what did not fit
    await rm(temporary, { force: true })
    throw error
  }
  await rename(temporary, path)
  await syncFolder(dirname(path))
}

/**
 * One call may write less than everything, and does so without an error when the disk is nearly full; only the next one
 * says why.
 */
async function writeAll(file: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let left = parts.filter(({ length }) => length > 0)
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left)
    left = left.flatMap(part => {
      const written = Math.min(part.length, bytesWritten)
      bytesWritten -= written
      return written === part.length ? [] : [part.subarray(written)]
    })
  }
}

/** The bytes at a location, or undefined when the file is missing, cut off or altered. */
export async function readPack(path: string, location: SliverLocation): Promise<Uint8Array | undefined> {
  const bytes = await readAt(path, location.offset, location.length)
  return bytes !== undefined && (await sha256Hex(bytes)) === location.sha256 ? bytes : undefined
}

/** What `readPack` gives of each location in one file, with its place in the list; one of them is in memory at a time. */
export async function* readEach(
  path: string,
  locations: readonly SliverLocation[],
): AsyncIterable<[number, Uint8Array | undefined]> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  try {
    for (const [i, { offset, length, sha256 }] of locations.entries()) {
      const bytes = new Uint8Array(length)
      const isRight = file && (await fill(file, bytes, offset)) && (await sha256Hex(bytes)) === sha256
      yield [i, isRight ? bytes : undefined]
    }
  } finally {
    await file?.close()
  }
}

/** A limit on how fast something is read through: called before so many bytes are, it resolves once it is their turn. */
export type Pace = (bytes: number) => Promise<void>

/** Whether the bytes at each location in one file are those of its record, with one piece of them in memory. */
export async function* checkEach(
  path: string,
  locations: readonly SliverLocation[],
  { pace, signal }: { pace: Pace; signal: AbortSignal },
): AsyncIterable<[number, boolean]> {
  const longest = locations.reduce((most, { length }) => Math.max(most, length), 0)
  const piece = new Uint8Array(Math.min(longest, SLIVER_PIECE_BYTES))
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  try {
    for (const [i, location] of locations.entries()) {
      await pace(location.length)
      signal.throwIfAborted()
      yield [i, file !== undefined && (await hashOf(file, location, piece, signal)) === location.sha256]
    }
  } finally {
    await file?.close()
  }
}

/**
 * The sliver at a location, to be read in pieces; undefined when the file is missing, cut off or altered. The file is
 * open only while it is read: as many as are being sent, slowly or not, would exhaust what a process may have open.
 */
export async function openPack(
  path: string,
  location: SliverLocation,
  signal?: AbortSignal,
): Promise<OpenSliver | undefined> {
  if (location.length <= SLIVER_PIECE_BYTES) {
    const bytes = await readPack(path, location)
    return bytes && openBytes(bytes)
  }
  if (!(await isUnaltered(path, location, signal))) return undefined
  return {
    length: location.length,
    read: (offset, length) => readAt(path, location.offset + offset, length),
  }
}

/** Whether the bytes at a location are still those of its record, with one piece of them in memory. */
export async function isUnaltered(
  path: string,
  location: SliverLocation,
  signal?: AbortSignal,
): Promise<boolean> {
  const piece = new Uint8Array(Math.min(location.length, SLIVER_PIECE_BYTES))
  const hash = await withFile(path, file => hashOf(file, location, piece, signal))
  return hash === location.sha256
}

/** SHA-256 of the bytes at a location, hex; undefined when the file ends before. */
async function hashOf(
  file: FileHandle,
  { offset, length }: SliverLocation,
  piece: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const digest = createHash('sha256')
  for (let at = 0; at < length; at += piece.length) {
    signal?.throwIfAborted()
    const part = piece.subarray(0, Math.min(piece.length, length - at))
    if (!(await fill(file, part, offset + at))) return undefined
    digest.update(part)
  }
  return digest.digest('hex')
}

/** So many bytes of a file, or undefined when it is missing or ends before. */
export async function readAt(path: string, offset: number, length: number): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(length)
  return (await withFile(path, file => fill(file, bytes, offset))) ? bytes : undefined
}

/** Whether the file was long enough, and the disk gives what is there. */
async function fill(file: FileHandle, target: Uint8Array, offset: number): Promise<boolean> {
  let at = 0
  try {
    while (at < target.length) {
      const { bytesRead } = await file.read(target, at, target.length - at, offset + at)
      if (bytesRead === 0) return false
      at += bytesRead
    }
  } catch (error) {
    if (!isUnreadable(error)) throw error
    return false
  }
  return true
}

/** Undefined when there is no such file. */
async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** Names in a folder, sorted; none when there is no such folder. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** A bad sector, or one whose checksum a file system refuses: what lies there is lost, as if it was cut off. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EIO'
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
