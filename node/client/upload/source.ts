import { raceSignal } from 'race-signal'
import { concatBytes } from '../../../base/bytes.ts'
import type { BlobSource } from '../../../codec/index.ts'
import { ClientError } from '../errors.ts'
import type { StoreSource } from '../types.ts'
import type { Spool, UploadDisk } from './disk.ts'

/**
 * A larger blob goes through files: in memory it takes five and a half times its size while it is encoded, all of it new to the process,
 * where by way of files the same 100 MiB are used again and again.
 */
export const STREAM_ABOVE_BYTES = 32 * 1024 * 1024
/** What is larger is not taken where there is no disk. */
export const LARGEST_WITHOUT_DISK_BYTES = 64 * 1024 * 1024

/** What is to be stored, made such that it can be read again and again. Dispose of it when it is not read any more. */
export interface Source extends AsyncDisposable {
  /** bytes */
  readonly size: number
  /** all of it, when that is little */
  readonly bytes?: Uint8Array
  /** What tells the same content from other: the bytes, or what names a file and its state. */
  readonly content: Uint8Array | string
  /** Each reader opens it. Throws node's file errors. */
  open(): Promise<OpenSource>
}

export interface OpenSource extends BlobSource, AsyncDisposable {
  /** names a file in its state, when it may be there for another try */
  readonly identity?: string
}

export interface SourceInit {
  /** a page has none */
  disk: UploadDisk | undefined
  signal: AbortSignal
  /** of what does not say how much it is; more throws BLOB_TOO_LARGE. Asked for when it is needed */
  maxBytes: () => Promise<number>
  /** more is not held in memory */
  aboveBytes: number
}

/** Throws node's file errors, what an iterable throws, BLOB_TOO_LARGE, or the signal's reason. */
export async function prepareSource(source: StoreSource, init: SourceInit): Promise<Source> {
  init.signal.throwIfAborted()
  if (source instanceof Uint8Array) return ofBytes(source, init)
  if (Symbol.asyncIterator in source) return await ofChunks(source, init)
  if (init.disk === undefined) throw noFiles()
  return await init.disk.open(source, init)
}

function ofBytes(bytes: Uint8Array, { disk, aboveBytes }: Pick<SourceInit, 'disk' | 'aboveBytes'>): Source {
  if (disk === undefined && bytes.length > aboveBytes) throw tooLarge(aboveBytes, bytes.length)
  return {
    size: bytes.length,
    content: bytes,
    bytes: bytes.length <= aboveBytes ? bytes : undefined,
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

/** Throws as `prepareSource`. */
export async function ofChunks(chunks: AsyncIterable<Uint8Array>, init: SourceInit): Promise<Source> {
  const { disk, signal, aboveBytes } = init
  const held: Uint8Array[] = []
  let length = 0
  let maxBytes: number | undefined
  let spool: Spool | undefined
  try {
    for await (const chunk of untilAborted(chunks, signal)) {
      length += chunk.length
      if (spool === undefined && length <= aboveBytes) {
        held.push(chunk)
        continue
      }
      if (disk === undefined) throw tooLarge(aboveBytes, length)
      maxBytes ??= await init.maxBytes()
      if (length > maxBytes) {
        throw new ClientError('BLOB_TOO_LARGE', `this network takes blobs of up to ${maxBytes} bytes`, {
          maxBytes,
          actualBytes: length,
        })
      }
      spool ??= await disk.spool()
      for (const part of held.splice(0)) await spool.append(part)
      await spool.append(chunk)
    }
  } catch (error) {
    await spool?.[Symbol.asyncDispose]()
    throw error
  }
  if (spool === undefined) return ofBytes(held.length === 1 ? held[0]! : concatBytes(...held), init)
  return spool.source()
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

const tooLarge = (maxBytes: number, actualBytes: number): ClientError<'BLOB_TOO_LARGE'> =>
  new ClientError('BLOB_TOO_LARGE', `without a disk, blobs of up to ${maxBytes} bytes can be stored`, {
    maxBytes,
    actualBytes,
  })

const noFiles = (): ClientError<'INVALID_OPTION'> =>
  new ClientError(
    'INVALID_OPTION',
    'a page has no files by their path: give bytes, or the stream of a File',
    {
      option: 'source',
      reason: 'a path',
    },
  )
