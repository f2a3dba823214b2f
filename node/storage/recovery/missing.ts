import { pairOfShard, shardOfPair } from '../../../codec/index.ts'
import type { Axis, BlobId, ShardIndex, SliverRef } from '../../../codec/types.ts'
import type { SliverStore } from '../../../protocols/ports.ts'
import { blobHex } from '../store/keys.ts'
import {
  dropMissing,
  type MissingReason,
  type NodeRecords,
  putMissing,
  type ShardRecord,
} from '../store/node-records.ts'
import type { RecordOperation } from '../store/records.ts'

export interface MissingInit {
  nShards: number
  slivers: Pick<SliverStore, 'list'>
  records: Pick<NodeRecords, 'missingOf' | 'commit'>
  /** what the node has to do with shards, at any time */
  shards: () => ReadonlyMap<ShardIndex, ShardRecord>
  /** ms since 1970 */
  now: () => number
}

/** What is missing of blobs that the node must have: looked up by keys alone, and noted durably. */
export interface Missing {
  /** Of these shards, those of which a sliver of the blob is not listed. */
  lacking(blobId: BlobId, shards: Iterable<ShardIndex>): Promise<ShardIndex[]>
  /**
   * What is to be noted in one batch with the event that has certified a blob: what is missing of it then, or that nothing
   * is. Without it a kill would forget the blob, or the cursor would have to wait.
   */
  certified(blobId: BlobId, reason?: MissingReason): Promise<RecordOperation[]>
  /**
   * Notes more of what is missing, or drops the note when nothing is. After slivers were stored, or found to be bad. Without
   * `sync` the note is durable as soon as something else is that is written afterwards. `besides` goes in the same batch.
   */
  look(
    blobId: BlobId,
    reason: MissingReason,
    options?: { sync?: boolean; besides?: readonly RecordOperation[] },
  ): Promise<ShardIndex[]>
}

/** The slivers of a shard that a blob has. */
export function sliversOfShard(shard: ShardIndex, blobId: BlobId, nShards: number): SliverRef[] {
  const pair = pairOfShard(shard, blobId, nShards)
  return (['primary', 'secondary'] as const).map((axis: Axis) => ({ pair, axis }))
}

export function createMissing({ nShards, slivers, records, shards, now }: MissingInit): Missing {
  /** What has to be here by now: what a takeover has not come to yet will come with it. */
  function* due(blobId: BlobId): Generator<ShardIndex> {
    for (const [shard, { state, cursor }] of shards()) {
      const passed = state === 'gaining' && cursor !== undefined && blobHex(blobId) <= blobHex(cursor)
      if (state === 'active' || passed) yield shard
    }
  }

  async function lacking(blobId: BlobId, wanted: Iterable<ShardIndex>): Promise<ShardIndex[]> {
    const listed = new Map<ShardIndex, number>()
    for (const { pair } of await slivers.list(blobId)) {
      const shard = shardOfPair(pair, blobId, nShards)
      listed.set(shard, (listed.get(shard) ?? 0) + 1)
    }
    return [...wanted].filter(shard => listed.get(shard) !== 2)
  }

  async function change(blobId: BlobId, reason: MissingReason): Promise<[ShardIndex[], RecordOperation[]]> {
    const missing = await lacking(blobId, due(blobId))
    const before = await records.missingOf(blobId)
    if (missing.length === 0) return [missing, before === undefined ? [] : [dropMissing(blobId)]]
    const record = { reason, sinceMs: now(), attempts: 0, ...before, shards: missing }
    return [missing, [putMissing(blobId, record)]]
  }

  return {
    lacking,
    async certified(blobId, reason = 'tail') {
      const [, operations] = await change(blobId, reason)
      return operations
    },
    async look(blobId, reason, { sync = true, besides = [] } = {}) {
      const [missing, changes] = await change(blobId, reason)
      const operations = [...changes, ...besides]
      if (operations.length > 0) await records.commit(operations, { sync: sync && missing.length > 0 })
      return missing
    },
  }
}
