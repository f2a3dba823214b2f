import type { BlobId, BlobMetadata, SliverRef } from '../../../codec/types.ts'
import type { SnapshotHead, SnapshotPage, SnapshotQuery } from '../../../protocols/index.ts'
import type { SyncedBlob } from '../../../protocols/shard-sync/client.ts'
import type { ShardSyncQuery } from '../../../protocols/shard-sync/messages.ts'

/** What is asked of one who never answers. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )
}

/** A page as a node sends it, which a test may change on its way. */
export interface SentPage {
  blobs: (SyncedBlob & { metadata?: BlobMetadata })[]
  whole: boolean
  /** the stream breaks in the middle of the first blob */
  breaks?: boolean
}

/** How a node answers others; each may wait, throw, or change what is sent. */
export interface Manners {
  page?: (query: ShardSyncQuery, page: SentPage, signal: AbortSignal) => Promise<SentPage> | SentPage
  /** the tables that it says it has */
  heads?: (heads: readonly SnapshotHead[]) => readonly SnapshotHead[]
  table?: (
    query: SnapshotQuery,
    page: SnapshotPage | undefined,
  ) => Promise<SnapshotPage | undefined> | SnapshotPage | undefined
  sliver?: (blobId: BlobId, ref: SliverRef, bytes: Uint8Array | undefined) => Promise<Uint8Array | undefined>
}
