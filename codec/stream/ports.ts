import type { BlobMetadata, SliverRef } from '../types.ts'

/**
 * What streaming reads and writes. Buffers belong to the codec and may lie in shared memory: they are done with once
 * the promise has resolved. Several calls are made at a time.
 */

/** A blob that can be read again and again, as a file can; it must stay the same meanwhile. */
export interface BlobSource {
  /** bytes */
  readonly length: number
  /** Fills all of `target` from there on. */
  read(offset: number, target: Uint8Array): Promise<void>
}

/** Where a decoded blob goes; it is read again to check it. */
export interface BlobTarget {
  /** Fills all of `target` from there on, with what was written. */
  read(offset: number, target: Uint8Array): Promise<void>
  /** In any order. */
  write(offset: number, bytes: Uint8Array): Promise<void>
}

/** Slivers as files: offsets are within a sliver's BCS. */
export interface SliverFiles {
  /** Fills all of `target` from there on. */
  read(ref: SliverRef, offset: number, target: Uint8Array): Promise<void>
  /** In any order. */
  write(ref: SliverRef, offset: number, bytes: Uint8Array): Promise<void>
}

/** Bytes of the blob that are done with, of how many; the same bytes count once in each pass. */
export type StreamProgress = (done: number, total: number) => void

/** How a stream is held, watched and ended. */
export interface StreamOptions {
  signal?: AbortSignal
  onProgress?: StreamProgress
  /** bytes of the expanded matrix to hold at a time, at least 1; 96 MiB when absent */
  windowBytes?: number
}

/** A blob of any size and where its slivers go. */
export interface EncodeStreamInput extends StreamOptions {
  source: BlobSource
  nShards: number
  /** gets the slivers; the secondary ones of repair columns, half the blob's size, are read again */
  slivers: SliverFiles
  /** false: only those repair columns are written, as a working file, and the result is the metadata */
  keep?: boolean
}

/** Slivers of a blob of any size and where it goes. */
export interface DecodeStreamInput extends StreamOptions {
  metadata: BlobMetadata
  /** slivers that there are; checked as far as they are used */
  available: readonly SliverRef[]
  slivers: Pick<SliverFiles, 'read'>
  output: BlobTarget
  /** where the check that the result encodes to the blob ID keeps half the blob meanwhile; absent: no check */
  verifyWith?: SliverFiles
}

/** The codec for blobs that are larger than memory. */
export interface StreamCodec {
  /**
   * Encodes a blob of any size in two passes, rows and then columns, with less than 512 MiB of memory. Gives the same
   * bytes as `encode`. Throws BLOB_TOO_LARGE, SOURCE_CHANGED when the passes saw different bytes, and what the source
   * and the slivers throw; then what was written is worth nothing.
   */
  encodeStream(input: EncodeStreamInput): Promise<{ metadata: BlobMetadata; rootHash: Uint8Array }>
  /** Throws as `decode` does. When it throws, what the output holds is worth nothing. */
  decodeStream(input: DecodeStreamInput): Promise<void>
}
