import type { StreamReader } from './reader.ts'
import type { WaitOptions } from './wait.ts'
import { type StreamWriter, WRITE_CHUNK_BYTES } from './writer.ts'

export interface BodyOptions extends WaitOptions {
  /** Called before each chunk moves: where a rate limit makes the transfer wait. */
  pace?: ((bytes: number) => Promise<void> | void) | undefined
}

/**
 * A body: bytes whose length a message before has declared. No hash goes with it: the connection is authenticated, and
 * every sliver has its hash in the blob's metadata, which whoever takes it in checks. `timeoutMs` holds per chunk of
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
 * Reads a body as long as the target, whose length the caller has checked against what it expects. Throws as
 * `StreamReader.exact`.
 */
export async function readBody(
  reader: StreamReader,
  target: Uint8Array,
  options: BodyOptions = {},
): Promise<void> {
  for (const chunk of chunks(target)) {
    await options.pace?.(chunk.length)
    await reader.into(chunk, options)
  }
}

function* chunks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += WRITE_CHUNK_BYTES)
    yield bytes.subarray(at, at + WRITE_CHUNK_BYTES)
}
