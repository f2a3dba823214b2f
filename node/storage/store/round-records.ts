import type { BlobId, Epoch, ObjectId } from '../../../codec/types.ts'
import { blobIdFromHex, ROUND_KEY, WAS_OWED_PREFIX, wasOwedKey } from './keys.ts'
import { decodeJson, deletions, encodeJson, type RecordOperation, type Records } from './records.ts'

/** What the chain has told of a round of storage challenges. Plain data: it is stored as JSON; bytes are hex. */
export interface RoundRecord {
  epoch: Epoch
  /** of the epoch, from 0 on */
  round: number
  salt: string
  /** pieces that each node is asked for */
  draws: number
  /** by the chain's clock, ms since 1970 */
  commitUntilMs: number
  passUntilMs: number
  seed?: string
  /** what nodes have committed to */
  roots: Record<ObjectId, string>
  /** who has passed */
  passed: ObjectId[]
}

/** How it stood with a blob as the round was opened. */
export interface WasOwed {
  owed: boolean
  /** of the blob, in bytes: what is known of it may be gone by now */
  size?: number
}

/** The newest round, and which of the blobs that were owed as it was opened have changed since. */
export interface RoundRecords {
  round(): Promise<RoundRecord | undefined>
  /** Undefined of a blob that is owed, or not, as it was as the round was opened. */
  wasOwed(blobId: BlobId): Promise<WasOwed | undefined>
  /** All such notes. As many as blobs that were deleted, or found invalid, since. */
  allWasOwed(): Promise<Map<BlobId, WasOwed>>
  /** Begins another round: what was noted for the one before goes. */
  begun(record: RoundRecord): Promise<RecordOperation[]>
}

export const putRound = (record: RoundRecord): RecordOperation => ({
  type: 'put',
  key: ROUND_KEY,
  value: encodeJson(record),
})
export const putWasOwed = (blobId: BlobId, was: WasOwed): RecordOperation => ({
  type: 'put',
  key: wasOwedKey(blobId),
  value: encodeJson(was),
})

export function createRoundRecords(records: Records): RoundRecords {
  return {
    async round() {
      const bytes = await records.get(ROUND_KEY)
      return bytes && (decodeJson(bytes) as RoundRecord | undefined)
    },
    async wasOwed(blobId) {
      const bytes = await records.get(wasOwedKey(blobId))
      return bytes && (decodeJson(bytes) as WasOwed | undefined)
    },
    async allWasOwed() {
      const notes = new Map<BlobId, WasOwed>()
      for await (const { key, value } of records.list(WAS_OWED_PREFIX)) {
        const was = decodeJson(value) as WasOwed | undefined
        if (was !== undefined) notes.set(blobIdFromHex(key.slice(WAS_OWED_PREFIX.length)), was)
      }
      return notes
    },
    async begun(record) {
      const operations: RecordOperation[] = [putRound(record)]
      const old: string[] = []
      for await (const key of records.keys(WAS_OWED_PREFIX)) old.push(key)
      for await (const deletion of deletions(old)) operations.push(deletion)
      return operations
    },
  }
}
