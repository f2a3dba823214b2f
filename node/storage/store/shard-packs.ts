import { shardOfPair } from '../../../codec/index.ts'
import { blobIdOfSliver, refOfSliverKey } from './keys.ts'
import { FRAME_HEAD_BYTES } from './pack-frame.ts'
import { nameShardPack } from './pack-name.ts'
import type { NewPack, PackItem } from './pack-writer.ts'

/** Of a pack of many blobs, and of all that is written in one batch. */
const MAX_PACK_BYTES = 64 * 1024 * 1024
/** Records of one batch are in memory: some 300 bytes each. */
const MAX_BATCH_SLIVERS = 32_768

/** Slivers of many blobs in batches, each of one pack per shard; a sliver that is larger than all that is alone. */
export function* batchesOf(items: readonly PackItem[], nShards: number): Iterable<NewPack[]> {
  const shardOf = ({ key }: PackItem) => shardOfPair(refOfSliverKey(key).pair, blobIdOfSliver(key), nShards)
  const packsOf = (batch: readonly PackItem[]): NewPack[] =>
    [...Map.groupBy(batch, shardOf)].map(([shard, ofShard]) => ({
      file: nameShardPack(shard),
      items: ofShard,
    }))
  let batch: PackItem[] = []
  let bytes = 0
  for (const item of [...Map.groupBy(items, shardOf).values()].flat()) {
    const size = item.bytes.length + FRAME_HEAD_BYTES
    if (batch.length > 0 && (batch.length >= MAX_BATCH_SLIVERS || bytes + size > MAX_PACK_BYTES)) {
      yield packsOf(batch)
      batch = []
      bytes = 0
    }
    batch.push(item)
    bytes += size
  }
  if (batch.length > 0) yield packsOf(batch)
}
