import { ProtocolError } from '../errors.ts'
import { createDigest, DIGEST_BYTES } from './digest.ts'
import type { StreamReader } from './reader.ts'
import type { WaitOptions } from './wait.ts'
import { type StreamWriter, WRITE_CHUNK_BYTES } from './writer.ts'

export interface BodyOptions extends WaitOptions {
  /** Called before each chunk moves: where a rate limit makes the transfer wait. */
  pace?: ((bytes: number) => Promise<void> | void) | undefined
}

/**
 * A body: bytes whose length a message before has declared, then their hash. The hash comes last, so that the sender
 * reads the bytes once. `timeoutMs` holds per chunk of 256 KiB.
 */
export async function writeBody(
  writer: StreamWriter,
  bytes: Uint8Array,
  options: BodyOptions = {},
): Promise<void> {
  const digest = createDigest()
  for (const chunk of chunks(bytes)) {
    await options.pace?.(chunk.length)
    digest.update(chunk)
    await writer.write(chunk, options)
  }
  await writer.write(digest.digest(), options)
}

/**
 * Reads a body of `length` bytes, which the caller has checked against what it expects.
 * Throws HASH_MISMATCH, and as `StreamReader.exact`.
 */
export async function readBody(
  reader: StreamReader,
  length: number,
  options: BodyOptions = {},
): Promise<Uint8Array> {
  const digest = createDigest()
  const bytes = new Uint8Array(length)
  for (const chunk of chunks(bytes)) {
    await options.pace?.(chunk.length)
    await reader.into(chunk, options)
    digest.update(chunk)
  }
  const expected = await reader.exact(DIGEST_BYTES, options)
  if (!digest.digest().every((byte, i) => byte === expected[i])) throw new ProtocolError('HASH_MISMATCH')
  return bytes
}

function* chunks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += WRITE_CHUNK_BYTES)
    yield bytes.subarray(at, at + WRITE_CHUNK_BYTES)
}
