import { pairOfShard } from '../../../codec/index.ts'
import type { BlobId, ShardIndex, SliverRef } from '../../../codec/types.ts'
import { blobIdOfSliver, SLIVER_PREFIX, sliverKey, sliversOfBlob } from './keys.ts'
import type { Records } from './records.ts'
import type { ShardEntry, ShardPage } from './shard-slivers.ts'

/** Keys that are read between two jumps while a blob has few, as many as the node's slivers of it. */
const STRIDE = 32
const AXES = ['primary', 'secondary'] as const

/**
 * What is stored of a shard, in the order of the blob IDs' bytes. The index is by blob, so this goes from blob to blob, and
 * looks for each whether the pair that the shard has of it is there.
 */
export async function listShard(
  records: Pick<Records, 'keys' | 'getMany'>,
  nShards: number,
  shard: ShardIndex,
  { after, limit, signal }: ShardPage,
): Promise<ShardEntry[]> {
  const entries: ShardEntry[] = []
  let start = after && behind(after)
  let stride = STRIDE
  while (entries.length < limit) {
    signal?.throwIfAborted()
    const blobs = new Set<BlobId>()
    while (blobs.size < limit - entries.length) {
      const next = await blobsFrom(records, start, stride)
      if (next.length === 0) break
      // to jump from blob to blob costs less than to read all keys of each
      if (next.length < 3) stride = 1
      for (const blobId of next) blobs.add(blobId)
      start = behind(next.at(-1)!)
    }
    if (blobs.size === 0) break
    entries.push(...(await present(records, [...blobs], blobId => pairOfShard(shard, blobId, nShards))))
  }
  return entries.slice(0, limit)
}

/** All keys of a blob come before this, none of the next. */
const behind = (blobId: BlobId): string => `${sliversOfBlob(blobId)}\x7f`

async function blobsFrom(
  records: Pick<Records, 'keys'>,
  start: string | undefined,
  limit: number,
): Promise<BlobId[]> {
  const blobs = new Set<BlobId>()
  const range = { limit, after: start }
  for await (const key of records.keys(SLIVER_PREFIX, range)) blobs.add(blobIdOfSliver(key))
  return [...blobs]
}

/** Those of the blobs of which something is stored of the pair. */
async function present(
  records: Pick<Records, 'getMany'>,
  blobs: readonly BlobId[],
  pairOf: (blobId: BlobId) => SliverRef['pair'],
): Promise<ShardEntry[]> {
  const all = blobs.flatMap(blobId => AXES.map(axis => ({ blobId, ref: { axis, pair: pairOf(blobId) } })))
  const found = await records.getMany(all.map(({ blobId, ref }) => sliverKey(blobId, ref)))
  return blobs.flatMap((blobId, i) => {
    const refs = AXES.flatMap((_, a) => (found[2 * i + a] === undefined ? [] : [all[2 * i + a]!.ref]))
    return refs.length === 0 ? [] : [{ blobId, refs }]
  })
}
