/**
 * shard-sync: a stream carries one request after another.
 *
 *   client: ShardSyncRequest          one shard, from a blob on
 *   server: per blob in ascending order of its ID: ShardSyncAnswer Blob, then a body for each sliver that it names, the
 *           primary first; at last ShardSyncAnswer PageEnd; or an error in place of an answer
 *
 * A page without a blob is not the end of the shard: only `whole` says that nothing comes after.
 */
import { type BcsType, bcs } from '@mysten/bcs'
import type { BlobId, BlobMetadata, Epoch, ShardIndex } from '../../codec/types.ts'
import { type Message, message, plain, reply, WireBlobId, WireEpoch, WireMetadata } from '../wire.ts'

/** Blobs of a page at most. */
export const MAX_PAGE_BLOBS = 1_000

/** Which part of a shard is asked for. */
export interface ShardSyncQuery {
  /** in which the asker has the shard */
  epoch: Epoch
  shard: ShardIndex
  /** blobs with a higher ID, in the order of its bytes; from the first one on when absent */
  after?: BlobId
  /** 1 to 1,000 */
  maxBlobs: number
  /** of slivers, after which the page ends; one blob comes whatever its size */
  maxBytes: number
  /** whether the blobs' metadata comes along, for an asker that has none of it */
  metadata: boolean
}

const WireShard: BcsType<ShardIndex, ShardIndex> = bcs
  .u16()
  .transform<ShardIndex, ShardIndex>({ input: shard => shard, output: shard => shard as ShardIndex })

export const ShardSyncRequest: Message<ShardSyncQuery> = message(
  'ShardSyncRequest',
  bcs
    .struct('ShardSyncRequestV1', {
      epoch: WireEpoch,
      shard: WireShard,
      after: bcs.option(WireBlobId),
      maxBlobs: bcs.u16(),
      maxBytes: bcs.u32(),
      metadata: bcs.bool(),
    })
    .transform<ShardSyncQuery, ShardSyncQuery>({
      input: ({ after = null, ...query }) => ({ ...query, after }),
      output({ after, ...query }) {
        if (query.maxBlobs < 1 || query.maxBlobs > MAX_PAGE_BLOBS)
          throw new RangeError(`a page of ${query.maxBlobs} blobs`)
        return { ...query, after: after ?? undefined }
      },
    }),
)

/** One blob's part of the shard; the slivers follow as bodies of these lengths. */
export interface ShardSyncBlob {
  blobId: BlobId
  metadata: BlobMetadata | null
  /** bytes of BCS `SliverData`; null when the node does not have the sliver */
  primary: number | null
  secondary: number | null
}

export type ShardSyncStep = { Blob: ShardSyncBlob } | { PageEnd: { whole: boolean } }

export const ShardSyncAnswer: Message<ShardSyncStep> = reply(
  'ShardSyncAnswer',
  plain<ShardSyncStep>(
    bcs.enum('ShardSyncAnswerV1', {
      Blob: bcs.struct('ShardSyncBlob', {
        blobId: WireBlobId,
        metadata: bcs.option(WireMetadata),
        primary: bcs.option(bcs.u32()),
        secondary: bcs.option(bcs.u32()),
      }),
      PageEnd: bcs.struct('ShardSyncPageEnd', { whole: bcs.bool() }),
    }),
  ),
)
