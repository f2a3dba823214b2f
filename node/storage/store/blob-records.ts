import { KeyedLock } from '../../../base/keyed-lock.ts'
import type { EventCursor } from '../../../chain/types.ts'
import type { BlobId, Epoch } from '../../../codec/types.ts'
import { type BlobState, endEpochOf } from './blob-state.ts'
import {
  BLOB_PREFIX,
  blobIdFromHex,
  blobIdOfEnding,
  blobKey,
  CURSOR_KEY,
  ENDING_PREFIX,
  endingKey,
  endingsUpTo,
} from './keys.ts'
import { decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'

/** Note that nothing of a blob is stored any more from some epoch on. */
export interface Ending {
  key: string
  blobId: BlobId
}

/** What the chain has said about blobs, and how far the node has read the chain. */
export interface BlobRecords {
  get(blobId: BlobId): Promise<BlobState | undefined>
  cursor(): Promise<EventCursor | undefined>
  /**
   * State, cursor and the note of the blob's end change together, so that a restart neither skips nor repeats an event.
   * `before` is the state that the change was made from.
   */
  advance(
    cursor: EventCursor,
    change?: { blobId: BlobId; state: BlobState; before?: BlobState | undefined },
  ): Promise<void>
  /** Events are read from the beginning from here on. What they said stays: hearing it twice changes nothing. */
  rewind(): Promise<void>
  list(): AsyncIterable<{ blobId: BlobId; state: BlobState }>
  /** The earliest notes of an end in this epoch or before, after the note with the key `after`, `limit` at most. Reads keys only. */
  endings(epoch: Epoch, options: { after?: string; limit: number }): Promise<Ending[]>
  /** Drops a note, and the blob's record with it when nothing more needs to be known. */
  forget(ending: Ending, options: { record: boolean }): Promise<void>
  /** One at a time per blob: what looks at a record and acts upon it. */
  exclusively<T>(blobId: BlobId, run: () => Promise<T>): Promise<T>
}

export function createBlobRecords(records: Records): BlobRecords {
  const lock = new KeyedLock()
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
        const { blobId, state, before } = change
        if (before !== undefined && endEpochOf(before) !== endEpochOf(state))
          operations.push({ type: 'del', key: endingKey(endEpochOf(before), blobId) })
        operations.push(
          { type: 'put', key: blobKey(blobId), value: encodeJson(state) },
          ending(blobId, state),
        )
      }
      // no sync: after a crash of the machine the events since are read again, which changes nothing
      await records.commit(operations)
    },
    async rewind() {
      await records.commit([{ type: 'del', key: CURSOR_KEY }])
    },
    async *list() {
      for await (const { key, value } of records.list(BLOB_PREFIX)) {
        const state = decodeJson(value) as BlobState | undefined
        if (state !== undefined) yield { blobId: blobIdFromHex(key.slice(BLOB_PREFIX.length)), state }
      }
    },
    async endings(epoch, { after, limit }) {
      const found: Ending[] = []
      const range = { before: endingsUpTo(epoch), limit, ...(after === undefined ? {} : { after }) }
      for await (const key of records.keys(ENDING_PREFIX, range))
        found.push({ key, blobId: blobIdOfEnding(key) })
      return found
    },
    async forget({ key, blobId }, { record }) {
      const operations: RecordOperation[] = [{ type: 'del', key }]
      if (record) operations.push({ type: 'del', key: blobKey(blobId) })
      await records.commit(operations)
    },
    exclusively: (blobId, run) => lock.run(blobId, run),
  }
}

/** Notes when a blob ends. */
export function ending(blobId: BlobId, state: BlobState): RecordOperation {
  return { type: 'put', key: endingKey(endEpochOf(state), blobId), value: new Uint8Array() }
}

/** The notes of all blobs anew, one each. */
export async function* renewEndings(records: Records): AsyncIterable<RecordOperation> {
  for await (const key of records.keys(ENDING_PREFIX)) yield { type: 'del', key }
  for await (const { blobId, state } of createBlobRecords(records).list()) yield ending(blobId, state)
}
