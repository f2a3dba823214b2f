import type { Epoch, ShardIndex } from '../../../codec/types.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { type BlobState, liveRegistrations } from '../store/blob-state.ts'
import type { NodeRecords, ShardRecord } from '../store/node-records.ts'

/** Whether the network relies on the blob's slivers in an epoch: certified, paid for, and not found to be invalid. */
export function isOwed(state: BlobState | undefined, epoch: Epoch): state is BlobState {
  return state?.invalid !== true && liveRegistrations(state, epoch).some(({ certified }) => certified)
}

/** The same, and certified before the epoch began. */
export function isOwedSince(state: BlobState | undefined, epoch: Epoch): state is BlobState {
  // one of which only an extension was heard was certified before that
  return isOwed(state, epoch) && (state.initialCertifiedEpoch ?? 0) < epoch
}

export interface WholeInput {
  records: Pick<NodeRecords, 'missing'>
  blobs: Pick<BlobRecords, 'get'>
  /** what the node has to do with shards */
  shards: ReadonlyMap<ShardIndex, ShardRecord>
  /** the node's in the epoch */
  mine: readonly ShardIndex[]
  epoch: Epoch
}

/** Records that are looked at in one go. */
const SLICE = 256

/**
 * Whether the node has everything that it must have in an epoch whose beginning it has heard of: each of its shards is
 * active, and of no blob that was certified before the epoch slivers of them are missing. From the records, never from
 * what is under way.
 */
export async function isWhole({ records, blobs, shards, mine, epoch }: WholeInput): Promise<boolean> {
  if (mine.some(shard => shards.get(shard)?.state !== 'active')) return false
  const counts = new Set(mine)
  let after: Parameters<NodeRecords['missing']>[0]['after']
  for (;;) {
    const slice = await records.missing({ after, limit: SLICE })
    for (const [blobId, record] of slice) {
      if (!record.shards.some(shard => counts.has(shard))) continue
      const state = await blobs.get(blobId)
      if (isOwedSince(state, epoch)) return false
    }
    if (slice.length < SLICE) return true
    after = slice.at(-1)?.[0]
  }
}
