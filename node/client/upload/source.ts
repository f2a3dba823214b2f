import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { raceSignal } from 'race-signal'
import { readAt } from '../../../base/file-at.ts'
import type { BlobSource } from '../../../codec/index.ts'
import { ClientError } from '../errors.ts'
import type { StoreSource } from '../types.ts'
import type { Scratch } from './scratch.ts'

/** A larger blob is not held in memory, where it takes five and a half times its size while it is encoded. */
export const STREAM_ABOVE_BYTES = 64 * 1024 * 1024
/** Opening a pipe would wait for its other end, in a thread that nothing interrupts. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)
const READ_BYTES = 1024 * 1024

/** What is to be stored, made such that it can be read again and again. Dispose of it when it is not read any more. */
export interface Source extends AsyncDisposable {
  /** bytes */
  readonly size: number
  /** all of it, when that is little */
  readonly bytes?: Uint8Array
  /** What tells the same content from other: the bytes, or what names a file and its state. */
  readonly content: Uint8Array | string
  /** Each who reads it opens it. Throws node's file errors. */
  open(): Promise<OpenSource>
}

export interface OpenSource extends BlobSource, AsyncDisposable {
  /** names a file in its state, when it may be there for another try */
  readonly identity?: string
}

export interface SourceInit {
  scratch: Scratch
  signal: AbortSignal
  /** of what does not say how much it is; more throws BLOB_TOO_LARGE. Asked for when it is needed */
  maxBytes: () => Promise<number>
  /** more is not held in memory */
  aboveBytes: number
}

/** Throws node's file errors, what an iterable throws, BLOB_TOO_LARGE, or the signal's reason. */
export async function prepareSource(source: StoreSource, init: SourceInit): Promise<Source> {
  init.signal.throwIfAborted()
  if (source instanceof Uint8Array) return ofBytes(source, init.aboveBytes)
  if (Symbol.asyncIterator in source) return await ofChunks(source, init)
  return await ofFile(source.path, source.temporary ?? false, init)
}

function ofBytes(bytes: Uint8Array, aboveBytes: number): Source {
  return {
    size: bytes.length,
    content: bytes,
    ...(bytes.length <= aboveBytes && { bytes }),
    async open() {
      return {
        length: bytes.length,
        async read(offset, target) {
          target.set(bytes.subarray(offset, offset + target.length))
        },
        async [Symbol.asyncDispose]() {},
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function ofFile(path: string, temporary: boolean, init: SourceInit): Promise<Source> {
  await using handle = await openFile(path)
  const stats = await handle.stat({ bigint: true })
  const size = Number(stats.size)
  // the size is a hint: some files have more than they say
  if (size <= init.aboveBytes) return await ofChunks(chunksOf(handle, size), init)
  return {
    size,
    content: identityOf(stats),
    open: () => openSource(path, size, temporary),
    async [Symbol.asyncDispose]() {},
  }
}

/** One read where the size is right. */
async function* chunksOf(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  for (let length = Math.max(size + 1, READ_BYTES); ; length = READ_BYTES) {
    const buffer = Buffer.allocUnsafeSlow(length)
    let filled = 0
    let ended = false
    while (filled < length && !ended) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled)
      filled += bytesRead
      ended = bytesRead === 0
    }
    if (filled > 0) yield buffer.subarray(0, filled)
    if (ended) return
  }
}

async function ofChunks(chunks: AsyncIterable<Uint8Array>, init: SourceInit): Promise<Source> {
  const { scratch, signal, aboveBytes } = init
  const held: Uint8Array[] = []
  let length = 0
  let maxBytes: number | undefined
  let spool: Awaited<ReturnType<Scratch['spool']>> | undefined
  try {
    for await (const chunk of untilAborted(chunks, signal)) {
      length += chunk.length
      if (spool === undefined && length <= aboveBytes) {
        held.push(chunk)
        continue
      }
      maxBytes ??= await init.maxBytes()
      if (length > maxBytes) {
        throw new ClientError('BLOB_TOO_LARGE', `this network takes blobs of up to ${maxBytes} bytes`, {
          maxBytes,
          actualBytes: length,
        })
      }
      spool ??= await scratch.spool()
      for (const part of held.splice(0)) await spool.append(part)
      await spool.append(chunk)
    }
  } catch (error) {
    await spool?.[Symbol.asyncDispose]()
    throw error
  }
  if (spool === undefined) return ofBytes(held.length === 1 ? held[0]! : Buffer.concat(held), aboveBytes)
  const { path, size } = spool
  return {
    size,
    content: path,
    open: () => openSource(path, size, true),
    [Symbol.asyncDispose]: spool[Symbol.asyncDispose],
  }
}

/** An iterable that waits for more does not know of our signal. */
async function* untilAborted(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  let ended = false
  try {
    for (;;) {
      const next = await raceSignal(iterator.next(), signal)
      ended = next.done === true
      if (ended) return
      yield next.value
    }
  } finally {
    // a generator that waits would only end after that
    if (!ended) iterator.return?.().catch(() => undefined)
  }
}

async function openSource(path: string, expectedBytes: number, temporary: boolean): Promise<OpenSource> {
  const handle = await openFile(path)
  try {
    const stats = await handle.stat({ bigint: true })
    if (Number(stats.size) !== expectedBytes) throw changed(path)
    const identity = identityOf(stats)
    return {
      length: expectedBytes,
      ...(!temporary && { identity }),
      read: (offset, target) => readAt(handle, path, offset, target),
      [Symbol.asyncDispose]: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openFile(path: string): Promise<FileHandle> {
  const handle = await open(path, READ_FLAGS)
  const stats = await handle.stat()
  if (stats.isFile()) return handle
  await handle.close()
  const code = stats.isDirectory() ? 'EISDIR' : 'ESPIPE'
  throw Object.assign(new Error(`${path} is not a file`), { code, path })
}

/** A file and its state: any change of it sets ctime. */
function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `file ${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}

const changed = (path: string): ClientError<'SOURCE_CHANGED'> =>
  new ClientError('SOURCE_CHANGED', `${path} was changed while it was stored`, {})
