import type { BlobId, Epoch, ShardIndex } from '../../../codec/types.ts'
import type { BlobLock } from '../blob-lock.ts'
import type { Budget } from '../budget.ts'
import type { Missing } from '../recovery/missing.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { blobHex, blobIdFromHex } from '../store/keys.ts'
import type { ShardedSliverStore } from '../store/shard-slivers.ts'
import { isOwed } from './whole.ts'

export interface FindLackingComponents {
  slivers: Pick<ShardedSliverStore, 'listShard'>
  blobs: Pick<BlobRecords, 'list'>
  lock: Pick<BlobLock, 'exclusively'>
  missing: Pick<Missing, 'look'>
  budget: Pick<Budget, 'breathe'>
}

/** The highest blob ID: nothing of a shard comes after it. */
export const LAST_BLOB = blobIdFromHex('ff'.repeat(32))

/** Entries that are read of each shard at a time, and of all. */
const SLICE = 1_000
const ALL_SLICES = 16_000

/**
 * Compares the node's own list of blobs with what it has of some shards, in one pass, and notes what is missing; returns of
 * how many blobs. The list, and nothing that a source says, decides what a shard must have. Reads no sliver and no metadata.
 */
export async function findLacking(
  { slivers, blobs, lock, missing, budget }: FindLackingComponents,
  shards: readonly ShardIndex[],
  epoch: Epoch,
  signal: AbortSignal,
): Promise<number> {
  const limit = Math.max(1, Math.min(SLICE, Math.floor(ALL_SLICES / shards.length)))
  const lists = shards.map(shard => new Listed(slivers, shard, limit))
  let lacking = 0
  // all in blob ID order
  for await (const { blobId, state } of blobs.list()) {
    await budget.breathe(signal)
    if (!isOwed(state, epoch) || (await haveAll(lists, blobId))) continue
    // the records that the shards are active come after all of these, and are synced
    await lock.exclusively(blobId, () => missing.look(blobId, 'handoff', { sync: false }))
    lacking++
  }
  return lacking
}

async function haveAll(lists: readonly Listed[], blobId: BlobId): Promise<boolean> {
  const hex = blobHex(blobId)
  // one that is not asked now catches up later
  for (const list of lists) if (!(await list.has(hex))) return false
  return true
}

/** Blobs of which both slivers of a shard are there, asked for in ascending order. */
class Listed {
  readonly #slivers: Pick<ShardedSliverStore, 'listShard'>
  readonly #shard: ShardIndex
  readonly #limit: number
  #slice: { hex: string; whole: boolean }[] = []
  #at = 0
  #after: BlobId | undefined
  #isLast = false

  constructor(slivers: Pick<ShardedSliverStore, 'listShard'>, shard: ShardIndex, limit: number) {
    this.#slivers = slivers
    this.#shard = shard
    this.#limit = limit
  }

  async has(hex: string): Promise<boolean> {
    for (;;) {
      while (this.#at < this.#slice.length && this.#slice[this.#at]!.hex < hex) this.#at++
      const found = this.#slice[this.#at]
      if (found !== undefined) return found.whole && found.hex === hex
      if (this.#isLast) return false
      const page = { after: this.#after, limit: this.#limit }
      const entries = await this.#slivers.listShard(this.#shard, page)
      this.#slice = entries.map(({ blobId, refs }) => ({ hex: blobHex(blobId), whole: refs.length === 2 }))
      this.#at = 0
      this.#after = entries.at(-1)?.blobId
      this.#isLast = entries.length < this.#limit
    }
  }
}
