import { constants, createReadStream, open as openFd } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { addAbortSignal, type Readable } from 'node:stream'
import { isatty, ReadStream as Terminal } from 'node:tty'
import { promisify } from 'node:util'
import { maxBlobSize } from '../../codec/index.ts'
import { CliError, EXIT } from './errors.ts'
import { formatBytes, plural } from './text.ts'

const READ_BYTES = 8 * 1024 * 1024
const FIRST_CAPACITY_BYTES = 64 * 1024
/** Opening a pipe would wait for its other end, in a thread that nothing interrupts. */
export const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** What may be read of an input at most, and as what it is refused. */
export interface InputLimit {
  bytes: number
  /** why no more is taken: a clause */
  why: string
}

/**
 * Reads a whole file of any kind, or stdin for `-`; one that has more than `limit` is given up there and not read on.
 * Throws BLOB_TOO_LARGE, node's file errors, or the signal's reason.
 */
export async function readInput(file: string, limit: InputLimit, signal: AbortSignal): Promise<Uint8Array> {
  const stream = await openStream(file, signal)
  if (stream === undefined) {
    await using handle = await open(file, READ_FLAGS)
    return await readHandle(handle, file, limit, signal)
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of limited(stream, file, limit, signal)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What has no size to know beforehand, as a stream: stdin for `-`, pipes, terminals, devices. Undefined for a file. */
export async function openStream(file: string, signal: AbortSignal): Promise<Readable | undefined> {
  signal.throwIfAborted()
  if (file === '-') {
    if (process.stdin.destroyed || process.stdin.readableEnded)
      throw new CliError('USAGE', EXIT.usage, 'Standard input was read to its end already.')
    return process.stdin
  }
  const kind = await stat(file)
  if (kind.isDirectory())
    throw Object.assign(new Error(`${file} is a folder`), { code: 'EISDIR', path: file })
  if (kind.isFile()) return undefined
  const fd = await promisify(openFd)(file, READ_FLAGS)
  // pipes and terminals are waited for by events, not by a thread
  if (kind.isFIFO()) return new Socket({ fd, readable: true, writable: false })
  return isatty(fd) ? new Terminal(fd) : createReadStream(file, { fd, highWaterMark: READ_BYTES })
}

/** A stream's chunks, up to the limit. A reader that stops taking them destroys the stream, and so does the signal. */
export async function* limited(
  stream: Readable,
  name: string,
  limit: InputLimit,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let length = 0
  try {
    for await (const chunk of addAbortSignal(signal, stream)) {
      length += chunk.length
      if (length > limit.bytes) throw tooLarge(name, limit)
      yield chunk
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
}

async function readHandle(
  handle: FileHandle,
  name: string,
  limit: InputLimit,
  signal: AbortSignal,
): Promise<Uint8Array> {
  // the size is a hint, as files grow: one byte more, so that the end is noticed without growing
  const { size } = await handle.stat()
  if (size > limit.bytes) throw tooLarge(name, limit)
  let buffer = Buffer.allocUnsafeSlow(Math.max(size + 1, FIRST_CAPACITY_BYTES))
  let length = 0
  while (true) {
    signal.throwIfAborted()
    if (length === buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(2 * buffer.length, limit.bytes + 1))
      buffer.copy(larger)
      buffer = larger
    }
    const { bytesRead } = await handle.read(buffer, length, Math.min(buffer.length - length, READ_BYTES))
    if (bytesRead === 0) return buffer.subarray(0, length)
    length += bytesRead
    if (length > limit.bytes) throw tooLarge(name, limit)
  }
}

export function tooLarge(file: string, { bytes, why }: InputLimit): CliError {
  const name = file === '-' ? 'Standard input' : file
  return new CliError(
    'BLOB_TOO_LARGE',
    EXIT.refused,
    `${name} has more than ${formatBytes(bytes)}: ${why}.`,
    {
      details: { maxBytes: bytes },
    },
  )
}

/** The largest blob that a network of `nShards` takes. */
export function blobLimit(nShards: number): InputLimit {
  return {
    bytes: maxBlobSize(nShards),
    why: `a network of ${plural(nShards, 'shard')} takes no larger blob`,
  }
}
