import type { BlobId, BlobMetadata, SliverRef } from './types.ts'

export interface CodecOptions {
  /** worker threads; the number of cores when absent. 0: no threads, the work is done here in short turns */
  threads?: number
  /** which build of the kernel; the fastest that the engine knows when absent */
  build?: KernelBuild
}

export type KernelBuild = 'relaxed' | 'plain'

export interface CallOptions {
  signal?: AbortSignal
}

/** A sliver and its bytes in BCS (`SliverData`). */
export interface SliverBytes {
  ref: SliverRef
  bytes: Uint8Array
}

/** A blob in all its slivers, held in memory (4.5 times the blob) until it is released. */
export interface EncodedBlob {
  readonly metadata: BlobMetadata
  /** Merkle root over the metadata's hashes, 32 bytes */
  readonly rootHash: Uint8Array
  /** A copy of one sliver in BCS (`SliverData`); yours to keep. */
  sliver(ref: SliverRef): Uint8Array
  /** The same without the copy. It may lie in shared memory, and dies with `release`. */
  view(ref: SliverRef): Uint8Array
  /** Gives the memory back for the next call. Idempotent; `sliver` and `view` throw CLOSED afterwards. */
  release(): void
}

export interface DecodeInput {
  metadata: BlobMetadata
  /** at least p distinct primary or s distinct secondary slivers, any indices; more are ignored */
  slivers: readonly SliverBytes[]
  /** false: skip the check that the result encodes to the blob ID, when every sliver has been verified */
  verify?: boolean
  signal?: AbortSignal
}

/** Red Stuff. Calls may overlap; each is divided among the threads in short turns. */
export interface Codec {
  /** Throws BLOB_TOO_LARGE, OUT_OF_MEMORY. */
  encode(data: Uint8Array, nShards: number, options?: CallOptions): Promise<EncodedBlob>
  /** The blob ID and the hashes alone; takes less memory and time than `encode`. */
  metadata(data: Uint8Array, nShards: number, options?: CallOptions): Promise<BlobMetadata>
  /**
   * The blob. Throws TOO_FEW_SLIVERS, SLIVER_MALFORMED, and BLOB_ID_MISMATCH when what comes out does not encode to
   * the blob ID: then some sliver is wrong (`verifySliver` finds it) or the blob was encoded wrongly.
   */
  decode(input: DecodeInput): Promise<Uint8Array>
  /** Rejects with SLIVER_MALFORMED or SLIVER_MISMATCH unless these bytes are the sliver that the metadata commits to. */
  verifySliver(
    metadata: BlobMetadata,
    ref: SliverRef,
    bytes: Uint8Array,
    options?: CallOptions,
  ): Promise<void>
  /** Stops the threads. Calls in flight reject with CLOSED. */
  close(): Promise<void>
}

export type { BlobId, BlobMetadata, SliverRef }
