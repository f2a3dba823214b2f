import { createCodec } from './codec.ts'
import type { Codec } from './interface.ts'

/** What nodes and clients need of the codec. */
export type BlobCodec = Pick<
  Codec,
  'encode' | 'encodeStream' | 'metadata' | 'decode' | 'decodeStream' | 'verifySliver' | 'close'
> & {
  /** Makes ready for a call with a blob of so many bytes that will come soon: threads, or tables. Nothing waits for it. */
  warm(bytes: number): void
}

/** Below these a job is done (in some 10 ms) before a cold thread would have started (50 ms and more). */
const INLINE_BLOB_BYTES = 1024 * 1024
/** hashing takes time by the square of the shards, however small the blob */
const INLINE_SHARDS = 200
/** a sliver is expanded to n symbols: 0.2 ms of work, against 0.1 ms of handing it to a thread */
const INLINE_SLIVER_BYTES = 2 * 1024

/** Does small jobs on the caller's thread and large ones on threads of their own, which start when first needed. */
export function createAdaptiveCodec(): BlobCodec {
  const inline = createCodec({ threads: 0 })
  const threaded = createCodec()
  const forBlob = (bytes: number, nShards: number): BlobCodec =>
    bytes <= INLINE_BLOB_BYTES && nShards <= INLINE_SHARDS ? inline : threaded
  return {
    encode: (data, nShards, options) => forBlob(data.length, nShards).encode(data, nShards, options),
    encodeStream: input => threaded.encodeStream(input),
    metadata: (data, nShards, options) => forBlob(data.length, nShards).metadata(data, nShards, options),
    decode: input => forBlob(input.metadata.unencodedLength, input.metadata.nShards).decode(input),
    decodeStream: input => threaded.decodeStream(input),
    verifySliver: (metadata, ref, bytes, options) =>
      (bytes.length <= INLINE_SLIVER_BYTES ? inline : threaded).verifySliver(metadata, ref, bytes, options),
    warm: bytes => (bytes <= INLINE_BLOB_BYTES ? inline : threaded).warm(),
    async close() {
      await Promise.all([inline.close(), threaded.close()])
    },
  }
}
