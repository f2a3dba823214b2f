import { shardOfPair } from '../../../codec/index.ts'
import type { ShardIndex } from '../../../codec/types.ts'
import type { ShardRecord } from '../store/node-records.ts'
import type { ShardedSliverStore } from '../store/shard-slivers.ts'

export interface OwnShardsInit {
  nShards: number
  /** what the node has to do with shards, at any time */
  shards: () => ReadonlyMap<ShardIndex, Pick<ShardRecord, 'state'>>
}

/**
 * The same store, which leaves out slivers of shards that are the node's no more: a shard may be lost while its slivers are on
 * their way, and one that is locked takes no write.
 */
export function ownShardsOnly<T extends Pick<ShardedSliverStore, 'putMany'>>(
  slivers: T,
  { nShards, shards }: OwnShardsInit,
): T {
  return {
    ...slivers,
    async putMany(many, options) {
      const all = shards()
      const own = many.filter(({ blobId, ref }) => {
        const record = all.get(shardOfPair(ref.pair, blobId, nShards))
        return record !== undefined && record.state !== 'locked'
      })
      if (own.length > 0) await slivers.putMany(own, options)
    },
  }
}
