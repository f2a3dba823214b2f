import type { Committees } from '../../../chain/types/index.ts'
import { pairOfShard } from '../../../codec/index.ts'
import type { BlobId, SliverPairIndex } from '../../../codec/types.ts'
import type { ShardPageRequest } from '../../../protocols/index.ts'
import type { PeerContext, ShardPage, ShardSource } from '../../../protocols/ports.ts'
import type { MemberIndex } from '../../network/member-index.ts'
import type { Budget } from '../budget.ts'
import type { ShardedSliverStore } from '../store/shard-slivers.ts'
import { expectOwner } from './expect-owner.ts'

export interface ShardSourceComponents {
  nShards: number
  slivers: Pick<ShardedSliverStore, 'listShard'>
  /** as far as this node has seen the chain */
  committees: () => Committees | undefined
  members: MemberIndex
  budget: Pick<Budget, 'breathe'>
  /** Those of the blobs that are handed out, in their order. */
  shown: (blobIds: readonly BlobId[]) => Promise<BlobId[]>
}

/** Entries that are looked at in one go: others have their turns between. */
const SLICE = 100

/** Hands out shards to the members that take them over. */
export function createShardSource({
  nShards,
  slivers,
  committees,
  members,
  budget,
  shown,
}: ShardSourceComponents): Pick<ShardSource, 'page'> {
  return {
    async page(
      { epoch, shard, after, maxBlobs }: ShardPageRequest,
      { peer, signal }: PeerContext,
    ): Promise<ShardPage> {
      expectOwner(members, committees(), peer, epoch, [shard])
      const blobs: { blobId: BlobId; pair: SliverPairIndex }[] = []
      // a page without a blob would tell nothing of where to go on
      for (let last = after; ; ) {
        await budget.breathe(signal)
        const limit = Math.min(SLICE, maxBlobs - blobs.length)
        const entries = await slivers.listShard(shard, { after: last, limit, signal })
        for (const blobId of await shown(entries.map(entry => entry.blobId)))
          blobs.push({ blobId, pair: pairOfShard(shard, blobId, nShards) })
        if (entries.length < limit) return { blobs, end: true }
        if (blobs.length === maxBlobs) return { blobs, end: false }
        last = entries.at(-1)!.blobId
      }
    },
  }
}
