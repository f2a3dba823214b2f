import type { EventCursor } from '../../chain/types.ts'
import type { BlobId } from '../../codec/types.ts'
import type { BlobState } from './blob-state.ts'
import { BLOB_PREFIX, blobIdFromHex, blobKey, CURSOR_KEY } from './keys.ts'
import { decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'

/** What the chain has said about blobs, and how far the node has read the chain. */
export interface BlobRecords {
  get(blobId: BlobId): Promise<BlobState | undefined>
  cursor(): Promise<EventCursor | undefined>
  /** The state and the cursor change together, so that a restart neither skips nor repeats an event. */
  advance(cursor: EventCursor, change?: { blobId: BlobId; state: BlobState }): Promise<void>
  list(): AsyncIterable<{ blobId: BlobId; state: BlobState }>
}

export function createBlobRecords(records: Records): BlobRecords {
  return {
    async get(blobId) {
      const bytes = await records.get(blobKey(blobId))
      return bytes === undefined ? undefined : (decodeJson(bytes) as BlobState | undefined)
    },
    async cursor() {
      const bytes = await records.get(CURSOR_KEY)
      return bytes === undefined ? undefined : (decodeJson(bytes) as EventCursor | undefined)
    },
    async advance(cursor, change) {
      const operations: RecordOperation[] = [{ type: 'put', key: CURSOR_KEY, value: encodeJson(cursor) }]
      if (change !== undefined) {
        operations.push({ type: 'put', key: blobKey(change.blobId), value: encodeJson(change.state) })
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
  }
}
