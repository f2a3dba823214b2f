import { createCodec } from './codec.ts'
import type { Codec, CodecChecks, SliverBatches, SliverCodec } from './interface.ts'

/** What nodes and clients need of the codec. */
export type BlobCodec = Pick<
  Codec,
  | 'encode'
  | 'encodeStream'
  | 'metadata'
  | 'decode'
  | 'decodeStream'
  | 'close'
  | keyof CodecChecks
  | keyof SliverCodec
  | keyof SliverBatches
> & {
  /** Makes ready for a call with a blob of so many bytes that will come soon: threads, or tables. Nothing waits for it. */
  warm(bytes: number): void
}

/** Below these a job is done (in some 10 ms) before a cold thread would have started (50 ms and more). */
const INLINE_BLOB_BYTES = 1024 * 1024
/** hashing takes time by the square of the shards, however small the blob */
const INLINE_SHARDS = 200
/** slivers are expanded to n symbols each: 0.2 ms of work for so many bytes, against 0.1 ms of handing them to a thread */
const INLINE_SLIVER_BYTES = 2 * 1024
/** an expansion without hashing takes a tenth of the time */
const INLINE_SOURCE_BYTES = 16 * 1024

/** Does small jobs on the caller's thread and large ones on threads of their own, which start when first needed. */
export function createAdaptiveCodec(): BlobCodec {
  const inline = createCodec({ threads: 0 })
  const threaded = createCodec()
  const forBlob = (bytes: number, nShards: number): BlobCodec =>
    bytes <= INLINE_BLOB_BYTES && nShards <= INLINE_SHARDS ? inline : threaded
  const forSlivers = (bytes: number) => (bytes <= INLINE_SLIVER_BYTES ? inline : threaded)
  return {
    encode: (data, nShards, options) => forBlob(data.length, nShards).encode(data, nShards, options),
    encodeStream: input => threaded.encodeStream(input),
    metadata: (data, nShards, options) => forBlob(data.length, nShards).metadata(data, nShards, options),
    decode: input => forBlob(input.metadata.unencodedLength, input.metadata.nShards).decode(input),
    decodeStream: input => threaded.decodeStream(input),
    verifySliver: (metadata, ref, bytes, options) =>
      forSlivers(bytes.length).verifySliver(metadata, ref, bytes, options),
    verifySlivers: (slivers, options) => forSlivers(bytesOf(slivers)).verifySlivers(slivers, options),
    symbolsFor: (crossings, options) =>
      (bytesOf(crossings) <= INLINE_SOURCE_BYTES ? inline : threaded).symbolsFor(crossings, options),
    recoverSlivers: input => forSlivers(dataOf(input.received)).recoverSlivers(input),
    recoverSliver: input => forSlivers(dataOf(input.symbols)).recoverSliver(input),
    recoverySymbols: input => forSlivers(input.bytes.length).recoverySymbols(input),
    proveInconsistency: input => threaded.proveInconsistency(input),
    verifyInconsistencyProof: input => threaded.verifyInconsistencyProof(input),
    isMetadata: inline.isMetadata,
    verifySymbol: inline.verifySymbol,
    warm: bytes => (bytes <= INLINE_BLOB_BYTES ? inline : threaded).warm(),
    async close() {
      await Promise.all([inline.close(), threaded.close()])
    },
  }
}

function bytesOf(slivers: readonly { bytes: Uint8Array }[]): number {
  return slivers.reduce((sum, { bytes }) => sum + bytes.length, 0)
}

function dataOf(symbols: readonly { data: Uint8Array }[]): number {
  return symbols.reduce((sum, { data }) => sum + data.length, 0)
}
