import type { BlobId, SliverPairIndex } from '../../../codec/types.ts'

/**
 * Primary slivers of blobs that were read before. What it gives is believed no more than what a peer gives: it is verified when it
 * is used. None of its methods rejects or throws: what cannot be read or kept is not there.
 */
export interface SliverCache {
  /** Which it has of a blob. */
  pairs(blobId: BlobId): readonly SliverPairIndex[]
  /** Undefined when it is not there any more, or has another length. */
  get(blobId: BlobId, pair: SliverPairIndex, sliverBytes: number): Promise<Uint8Array | undefined>
  /** Keeps one that was verified. What comes faster than it can be written is not kept. */
  put(blobId: BlobId, pair: SliverPairIndex, bytes: Uint8Array): void
  /** It was wrong. */
  drop(blobId: BlobId, pair: SliverPairIndex): void
  /** What was put is written, and no more is. Idempotent. */
  close(): Promise<void>
}
