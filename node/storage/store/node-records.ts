import type { MonthCount } from '../../../base/month.ts'
import type { BlobId, Epoch, ObjectId, ShardIndex } from '../../../codec/types.ts'
import type { Urgency } from '../budget.ts'
import {
  blobIdFromHex,
  DAMAGED_PREFIX,
  damagedKey,
  dueOfKey,
  duesFrom,
  duesOf,
  MISSING_COUNTS_KEY,
  MISSING_PREFIX,
  MONTH_KEY,
  missingKey,
  NODE_STATE_KEY,
  SCRUB_KEY,
  SHARD_PREFIX,
  shardKey,
  shardOfKey,
} from './keys.ts'
import { type CommitOptions, decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'

/**
 * `standby` has no shard; `catching-up` is two epochs or more behind the chain; `recovering` lacks slivers that it must
 * have; `active` has them all.
 */
export interface NodeState {
  state: 'standby' | 'catching-up' | 'recovering' | 'active'
  /** the epoch that it is about */
  epoch: Epoch
}

/** A node as it was found in the committee in which it had a shard. */
export interface FormerOwner {
  nodeId: ObjectId
  name: string
  /** base64 of 33 bytes */
  networkPublicKey: string
  multiaddrs: string[]
}

/** What the node has to do with a shard. No record: nothing. */
export interface ShardRecord {
  /** `gaining`: it is taken over; `locked`: another node has it now, this one still hands it out */
  state: 'active' | 'gaining' | 'locked'
  /** in which it was gained or lost; a later one than the present while it is fetched ahead */
  epoch: Epoch
  /** gaining: every blob up to this one was asked for from the source */
  cursor?: BlobId
  /** gaining: who had it before */
  source?: ObjectId
  /** active: who had it before, where something of it did not come: to be asked again, whatever committee it is in by then */
  former?: FormerOwner
  /** gaining: this node had it lately, and keeps what it has of it */
  kept?: true
  /** locked: its new owner has told the chain that it has all of its shards */
  received?: true
}

/** Why slivers are missing. `tail`: the blob was certified before they arrived here. */
export type MissingReason = 'tail' | 'handoff' | 'damaged' | 'unknown'

/** Slivers that a blob should have here and has not. */
export interface MissingRecord {
  shards: ShardIndex[]
  reason: MissingReason
  /** ms since 1970 */
  sinceMs: number
  attempts: number
  /** not to be tried before; ms since 1970 */
  nextMs?: number
}

/** How much is missing. */
export interface MissingCounts {
  /** blobs, by reason */
  reasons: Partial<Record<MissingReason, number>>
  /** blobs, by the shards of which slivers of them are missing */
  shards: Record<number, number>
}

/** What was counted last. */
export function missingCountsOf(bytes: Uint8Array | undefined): MissingCounts {
  return ((bytes && decodeJson(bytes)) as MissingCounts | undefined) ?? { reasons: {}, shards: {} }
}

/** A note of when a blob's missing slivers are to be looked for. */
export interface DueNote {
  key: string
  blobId: BlobId
  /** ms since 1970 */
  dueMs: number
}

/** An uploader has its quorum before its last slivers have arrived: they are on their way for so long at least. */
const TAIL_MS = 15_000

/** When missing slivers are to be looked for, in ms since 1970. */
export function dueMsOf({ reason, sinceMs, nextMs = 0 }: MissingRecord): number {
  return reason === 'tail' ? Math.max(nextMs, sinceMs + TAIL_MS) : nextMs
}

/** Of what is missing: each is looked for by itself, so that it does not wait for what is less urgent. */
export const MISSING_URGENCIES = ['fresh', 'handoff', 'scrub'] as const satisfies readonly Urgency[]

export type MissingUrgency = (typeof MISSING_URGENCIES)[number]

const URGENCY_OF: Record<MissingReason, MissingUrgency> = {
  tail: 'fresh',
  handoff: 'handoff',
  unknown: 'handoff',
  damaged: 'scrub',
}

export const urgencyOf = ({ reason }: Pick<MissingRecord, 'reason'>): MissingUrgency => URGENCY_OF[reason]

/** How far the slivers on the disk were looked at. */
export interface ScrubRecord {
  /** in which that was begun */
  epoch: Epoch
  /** up to and with this file; none when absent */
  after?: string
  /** Whether all were. */
  over?: true
  /** files in which there may be more than they tell: these are looked at last */
  untold?: string[]
}

/** What the node knows of itself. Operations are made here and committed by their users, with what makes them true. */
export interface NodeRecords {
  state(): Promise<NodeState | undefined>
  shards(): Promise<Map<ShardIndex, ShardRecord>>
  /** In blob ID order, after a blob, `limit` at most. */
  missing(options: { after?: BlobId | undefined; limit: number }): Promise<[BlobId, MissingRecord][]>
  missingOf(blobId: BlobId): Promise<MissingRecord | undefined>
  /** How much is missing, without looking at it. */
  missingCounts(): Promise<MissingCounts>
  /** The first notes of an urgency, after the one with the key `after`, of what is due before a moment, or ever. Reads keys only. */
  due(options: {
    urgency: MissingUrgency
    beforeMs?: number
    after?: string | undefined
    limit: number
  }): Promise<DueNote[]>
  /** Blobs of which slivers were found damaged, and what is missing of them was not looked up since; as `missing`. */
  damaged(options: { after?: BlobId | undefined; limit: number }): Promise<BlobId[]>
  scrub(): Promise<ScrubRecord | undefined>
  /** bytes that the node has moved in a month */
  month(): Promise<MonthCount | undefined>
  /** All or nothing; synced unless told otherwise. */
  commit(operations: readonly RecordOperation[], options?: CommitOptions): Promise<void>
}

export const putState = (state: NodeState): RecordOperation => put(NODE_STATE_KEY, state)
export const putShard = (shard: ShardIndex, record: ShardRecord): RecordOperation =>
  put(shardKey(shard), record)
export const dropShard = (shard: ShardIndex): RecordOperation => ({ type: 'del', key: shardKey(shard) })
export const putMissing = (blobId: BlobId, record: MissingRecord): RecordOperation =>
  put(missingKey(blobId), record)
export const dropMissing = (blobId: BlobId): RecordOperation => ({ type: 'del', key: missingKey(blobId) })

export const dropDamaged = (blobId: BlobId): RecordOperation => ({ type: 'del', key: damagedKey(blobId) })
export const putMonth = (count: MonthCount): RecordOperation => put(MONTH_KEY, count)
export const putScrub = (record: ScrubRecord): RecordOperation => put(SCRUB_KEY, record)

function put(key: string, value: unknown): RecordOperation {
  return { type: 'put', key, value: encodeJson(value) }
}

export function createNodeRecords(records: Records): NodeRecords {
  async function read<T>(key: string): Promise<T | undefined> {
    const bytes = await records.get(key)
    return bytes === undefined ? undefined : (decodeJson(bytes) as T | undefined)
  }
  return {
    state: () => read<NodeState>(NODE_STATE_KEY),
    async shards() {
      const found = new Map<ShardIndex, ShardRecord>()
      for await (const { key, value } of records.list(SHARD_PREFIX)) {
        const record = decodeJson(value) as ShardRecord | undefined
        if (record !== undefined) found.set(shardOfKey(key), record)
      }
      return found
    },
    async missing({ after, limit }) {
      const found: [BlobId, MissingRecord][] = []
      const range = after === undefined ? { limit } : { after: missingKey(after), limit }
      for await (const key of records.keys(MISSING_PREFIX, range)) {
        const record = await read<MissingRecord>(key)
        if (record !== undefined) found.push([blobIdFromHex(key.slice(MISSING_PREFIX.length)), record])
      }
      return found
    },
    missingOf: blobId => read<MissingRecord>(missingKey(blobId)),
    missingCounts: async () => missingCountsOf(await records.get(MISSING_COUNTS_KEY)),
    async due({ urgency, beforeMs, after, limit }) {
      const found: DueNote[] = []
      const range = { limit, after, before: beforeMs === undefined ? undefined : duesFrom(urgency, beforeMs) }
      for await (const key of records.keys(duesOf(urgency), range)) found.push({ key, ...dueOfKey(key) })
      return found
    },
    async damaged({ after, limit }) {
      const found: BlobId[] = []
      const range = after === undefined ? { limit } : { after: damagedKey(after), limit }
      for await (const key of records.keys(DAMAGED_PREFIX, range))
        found.push(blobIdFromHex(key.slice(DAMAGED_PREFIX.length)))
      return found
    },
    scrub: () => read<ScrubRecord>(SCRUB_KEY),
    month: () => read<MonthCount>(MONTH_KEY),
    commit: (operations, options = { sync: true }) => records.commit(operations, options),
  }
}
