import type { BlobId, ShardIndex, SliverRef } from '../../../codec/types.ts'
import type { AbortOptions, SliverStore } from '../../../protocols/ports.ts'

export interface NewSliver {
  blobId: BlobId
  ref: SliverRef
  bytes: Uint8Array
}

/** Which slivers of one blob are stored in a shard: one or both of a pair. */
export interface ShardEntry {
  blobId: BlobId
  refs: readonly SliverRef[]
}

export interface ShardPage extends AbortOptions {
  /** entries behind this blob; from the beginning when absent */
  after?: BlobId
  /** how many at most */
  limit: number
}

export interface ScrubOptions {
  /** files behind this one; from the first on when absent */
  after?: string
  /** Called before each sliver is read, with its length: resolves when it is its turn. */
  pace: (bytes: number) => Promise<void>
  signal: AbortSignal
}

/** What was found in a file of slivers. */
export interface ScrubbedFile {
  file: string
  /** looked at, and bytes of these */
  slivers: number
  bytes: number
  /** of them those that are not what they were; they do not count as stored any more */
  bad: number
  /** Whether there may be more in it that could not be found there. */
  untold: boolean
}

/** A sliver store that knows shards: what comes, goes and is listed as a whole when shards change hands. */
export interface ShardedSliverStore extends SliverStore {
  /**
   * As `put` of each, but slivers of many blobs share a file per shard, a sync and a batch of the index. Resolves once all are
   * durable; what was cut short is there in part, in whole slivers. The caller holds the bytes in memory meanwhile.
   */
  putMany(slivers: readonly NewSliver[], options?: AbortOptions): Promise<void>
  /**
   * What is stored of a shard, in the order of the blob IDs' bytes. Fewer than `limit` when there is no more. Reads keys and
   * no sliver, so that one that is listed may be found damaged.
   */
  listShard(shard: ShardIndex, page: ShardPage): Promise<ShardEntry[]>
  /** Removes every sliver of the shard that was put before. Cut short, it has removed a part, and is to be called again. */
  deleteShard(shard: ShardIndex, options?: AbortOptions): Promise<void>
  /** Looks whether slivers are what they were, file by file in the order in which they lie on the disk. */
  scrub(options: ScrubOptions): AsyncIterable<ScrubbedFile>
  /** The same for what is in these files, however long it takes to find it. */
  scrubUntold(files: ReadonlySet<string>, options: ScrubOptions): AsyncIterable<ScrubbedFile>
}
