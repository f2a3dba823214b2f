import { defined } from '../../../base/defined.ts'
import type { BlobId, Epoch, ObjectId } from '../../../codec/types.ts'
import {
  blobIdFromHex,
  CHALLENGE_PREFIX,
  ROUND_KEY,
  roundNodeKey,
  WAS_OWED_PREFIX,
  wasOwedKey,
} from './keys.ts'
import { decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'

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
}

/** What one node has done in the round. */
export interface RoundNode {
  /** what it has committed to, hex */
  root: string
  passed?: true
}

/** How it stood with a blob as the round was opened. */
export interface WasOwed {
  owed: boolean
  /** of the blob, in bytes: what is known of it may be gone by now */
  size?: number
}

/** The newest round, what nodes have done in it, and which blobs are owed, or not, since it was opened that were not, or were, then. */
export interface RoundRecords {
  round(): Promise<RoundRecord | undefined>
  nodes(): Promise<Map<ObjectId, RoundNode>>
  /** Undefined of a blob that is owed, or not, as it was as the round was opened. */
  wasOwed(blobId: BlobId): Promise<WasOwed | undefined>
  /** All such notes of blobs above `after`, up to `upTo` or to the last, in the order of their IDs. */
  wereOwed(range: { after: BlobId | undefined; upTo: BlobId | undefined }): Promise<Map<BlobId, WasOwed>>
  /** Begins another round: what was noted for the one before goes. */
  begun(record: RoundRecord): Promise<RecordOperation[]>
}

const put = (key: string, value: unknown): RecordOperation => ({ type: 'put', key, value: encodeJson(value) })
export const putRound = (record: RoundRecord): RecordOperation => put(ROUND_KEY, record)
export const dropRound: RecordOperation = { type: 'del', key: ROUND_KEY }
export const putRoundNode = (nodeId: ObjectId, node: RoundNode): RecordOperation =>
  put(roundNodeKey(nodeId), node)
export const putWasOwed = (blobId: BlobId, was: WasOwed): RecordOperation => put(wasOwedKey(blobId), was)

export function createRoundRecords(records: Records): RoundRecords {
  const read = async <T>(key: string): Promise<T | undefined> => {
    const bytes = await records.get(key)
    return bytes && (decodeJson(bytes) as T | undefined)
  }
  return {
    round: () => read<RoundRecord>(ROUND_KEY),
    async nodes() {
      const nodes = new Map<ObjectId, RoundNode>()
      for await (const { key, value } of records.list(roundNodeKey('' as ObjectId))) {
        const node = decodeJson(value) as RoundNode | undefined
        if (node !== undefined) nodes.set(key.slice(roundNodeKey('' as ObjectId).length) as ObjectId, node)
      }
      return nodes
    },
    wasOwed: blobId => read<WasOwed>(wasOwedKey(blobId)),
    async wereOwed({ after, upTo }) {
      const keys: string[] = []
      const range = defined({
        after: after && wasOwedKey(after),
        // the next key in order
        before: upTo && `${wasOwedKey(upTo)}0`,
      })
      for await (const key of records.keys(WAS_OWED_PREFIX, range)) keys.push(key)
      const values = await records.getMany(keys)
      const notes = new Map<BlobId, WasOwed>()
      for (const [i, key] of keys.entries()) {
        const was = values[i] && (decodeJson(values[i]) as WasOwed | undefined)
        if (was) notes.set(blobIdFromHex(key.slice(WAS_OWED_PREFIX.length)), was)
      }
      return notes
    },
    async begun(record) {
      const operations: RecordOperation[] = []
      for await (const key of records.keys(CHALLENGE_PREFIX)) operations.push({ type: 'del', key })
      return [...operations, putRound(record)]
    },
  }
}
