import { expectInteger } from './bytes.ts'
import { blobIdToBytes } from './ids.ts'
import type { BlobId, ShardIndex, SliverPairIndex } from './types.ts'

/** The shard that keeps a sliver pair: pairs are rotated by the blob ID, so that every shard gets every role. */
export function shardOfPair(pair: SliverPairIndex, blobId: BlobId, nShards: number): ShardIndex {
  expectInteger(pair, 0, nShards - 1, 'sliver pair')
  return ((pair + offset(blobId, nShards)) % nShards) as ShardIndex
}

/** The sliver pair of a blob that a shard keeps. */
export function pairOfShard(shard: ShardIndex, blobId: BlobId, nShards: number): SliverPairIndex {
  expectInteger(shard, 0, nShards - 1, 'shard')
  return ((shard + nShards - offset(blobId, nShards)) % nShards) as SliverPairIndex
}

/** The blob ID's bytes as a big-endian integer, mod n. */
function offset(blobId: BlobId, nShards: number): number {
  return blobIdToBytes(blobId).reduce((rest, byte) => (rest * 256 + byte) % nShards, 0)
}
