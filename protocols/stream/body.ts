import type { FillOptions, StreamReader } from './reader.ts'
import type { WaitOptions } from './wait.ts'
import { type StreamWriter, WRITE_CHUNK_BYTES } from './writer.ts'

export interface BodyOptions extends WaitOptions {
  /** Called before each chunk moves: where a rate limit makes the transfer wait. */
  pace?: (bytes: number) => Promise<void> | void
}

/**
 * A body: bytes whose length a message before has declared. No hash goes with it: the connection is authenticated, and
 * every sliver has its hash in the blob's metadata, which the receiver checks. `timeoutMs` holds per chunk of
 * 256 KiB.
 */
export async function writeBody(
  writer: StreamWriter,
  bytes: Uint8Array,
  options: BodyOptions = {},
): Promise<void> {
  for (const chunk of chunks(bytes)) {
    await options.pace?.(chunk.length)
    await writer.write(chunk, options)
  }
}

/**
 * Reads a body as long as the target, whose length the caller has checked against what it expects. `filled` is called for
 * each chunk. Throws as `StreamReader.exact`.
 */
export async function readBody(
  reader: StreamReader,
  target: Uint8Array,
  options: BodyOptions & FillOptions = {},
): Promise<void> {
  for (const chunk of chunks(target)) {
    await options.pace?.(chunk.length)
    await reader.into(chunk, options)
  }
}

/** Reads a body of that many bytes that nobody wants, a chunk in memory at a time. Throws as `StreamReader.exact`. */
export async function passOverBody(
  reader: StreamReader,
  length: number,
  options: BodyOptions = {},
): Promise<void> {
  const chunk = new Uint8Array(Math.min(length, WRITE_CHUNK_BYTES))
  for (let left = length; left > 0; left -= chunk.length)
    await readBody(reader, chunk.subarray(0, Math.min(left, chunk.length)), options)
}

function* chunks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += WRITE_CHUNK_BYTES)
    yield bytes.subarray(at, at + WRITE_CHUNK_BYTES)
}
