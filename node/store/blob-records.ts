import type { EventCursor } from '../../chain/types.ts'
import type { BlobId, Epoch } from '../../codec/types.ts'
import { type BlobState, endEpochOf, liveRegistrations } from './blob-state.ts'
import {
  BLOB_PREFIX,
  blobIdFromHex,
  blobKey,
  CURSOR_KEY,
  ENDING_PREFIX,
  endingKey,
  endingOfKey,
} from './keys.ts'
import { decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'

/** What the chain has said about blobs, and how far the node has read the chain. */
export interface BlobRecords {
  get(blobId: BlobId): Promise<BlobState | undefined>
  cursor(): Promise<EventCursor | undefined>
  /** The state and the cursor change together, so that a restart neither skips nor repeats an event. */
  advance(cursor: EventCursor, change?: { blobId: BlobId; state: BlobState }): Promise<void>
  list(): AsyncIterable<{ blobId: BlobId; state: BlobState }>
  /**
   * Forgets blobs of which nothing is stored any more in an epoch: expired and deleted ones. One that was extended lives
   * on, one that was found to be invalid is never forgotten, and those that `keep` names are looked at again in the next
   * epoch. Takes as long as blobs have ended since the last time. Not while `advance` runs.
   */
  prune(epoch: Epoch, keep: (blobId: BlobId) => Promise<boolean>): Promise<number>
}

const PRUNE_BATCH = 256

export function createBlobRecords(records: Records): BlobRecords {
  async function get(blobId: BlobId): Promise<BlobState | undefined> {
    const bytes = await records.get(blobKey(blobId))
    return bytes === undefined ? undefined : (decodeJson(bytes) as BlobState | undefined)
  }

  return {
    get,
    async cursor() {
      const bytes = await records.get(CURSOR_KEY)
      return bytes === undefined ? undefined : (decodeJson(bytes) as EventCursor | undefined)
    },
    async advance(cursor, change) {
      const operations: RecordOperation[] = [{ type: 'put', key: CURSOR_KEY, value: encodeJson(cursor) }]
      if (change !== undefined) {
        const { blobId, state } = change
        operations.push(
          { type: 'put', key: blobKey(blobId), value: encodeJson(state) },
          ending(blobId, state),
        )
      }
      // no sync: after a crash of the machine the events since are read again, which changes nothing
      await records.commit(operations)
    },
    async *list() {
      for await (const { key, value } of records.list(BLOB_PREFIX)) {
        const state = decodeJson(value) as BlobState | undefined
        if (state !== undefined) yield { blobId: blobIdFromHex(key.slice(BLOB_PREFIX.length)), state }
      }
    },
    async prune(epoch, keep) {
      let pruned = 0
      const operations: RecordOperation[] = []
      for await (const { key } of records.list(ENDING_PREFIX)) {
        const { epoch: end, blobId } = endingOfKey(key)
        if (end > epoch) break
        operations.push({ type: 'del', key })
        const state = await get(blobId)
        // extended since, or registered anew: a later entry says until when
        if (state === undefined || state.invalid || liveRegistrations(state, epoch).length > 0) continue
        if (await keep(blobId)) {
          operations.push({
            type: 'put',
            key: endingKey((epoch + 1) as Epoch, blobId),
            value: new Uint8Array(),
          })
        } else {
          operations.push({ type: 'del', key: blobKey(blobId) })
          pruned++
        }
        if (operations.length >= PRUNE_BATCH) await records.commit(operations.splice(0))
      }
      if (operations.length > 0) await records.commit(operations)
      return pruned
    },
  }
}

/** Notes when to look whether a blob has ended. */
export function ending(blobId: BlobId, state: BlobState): RecordOperation {
  return { type: 'put', key: endingKey(endEpochOf(state), blobId), value: new Uint8Array() }
}
