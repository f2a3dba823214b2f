import type { EventCursor } from '../../../chain/types/index.ts'
import { unencodedLengthIn } from '../../../codec/index.ts'
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
  metadataKey,
  missingKey,
} from './keys.ts'
import { type CommitOptions, decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'

/** Note that nothing of a blob is stored any more from some epoch on. */
export interface Ending {
  key: string
  blobId: BlobId
}

/** What the chain has said about blobs, and how far the node has read the chain. */
export interface BlobRecords {
  get(blobId: BlobId): Promise<BlobState | undefined>
  /** Of many at once, in their order. */
  getMany(blobIds: readonly BlobId[]): Promise<(BlobState | undefined)[]>
  cursor(): Promise<EventCursor | undefined>
  /** Blobs whose ID begins with these bytes, `limit` at most. */
  beginningWith(prefix: Uint8Array, limit: number): Promise<BlobId[]>
  /**
   * State, cursor and the note of the blob's end change together, so that a restart neither skips nor repeats an event.
   * `before` is the state that the change was made from; `more` is what else is true from then on.
   */
  advance(
    cursor: EventCursor,
    change?: { blobId: BlobId; state: BlobState; before?: BlobState | undefined },
    more?: readonly RecordOperation[],
  ): Promise<void>
  /** Events are read from the beginning from here on. What they said stays: hearing it twice changes nothing. */
  rewind(more?: readonly RecordOperation[]): Promise<void>
  list(): AsyncIterable<{ blobId: BlobId; state: BlobState }>
  /** In blob ID order, after a blob, `limit` at most. */
  slice(options: { after?: BlobId | undefined; limit: number }): Promise<[BlobId, BlobState][]>
  /** All or nothing. */
  commit(operations: readonly RecordOperation[], options?: CommitOptions): Promise<void>
  /** The earliest notes of an end in this epoch or before, after the note with the key `after`, `limit` at most. Reads keys only. */
  endings(epoch: Epoch, options: { after?: string; limit: number }): Promise<Ending[]>
  /** Drops a note: another one says until when the blob lives. */
  forget(ending: Ending): Promise<void>
  /** Drops a note of a blob of which nothing is stored any more, with what is known of it, but for what is to be remembered. */
  dropped(ending: Ending, remembered: BlobState | undefined): Promise<void>
}

export function createBlobRecords(records: Records): BlobRecords {
  async function get(blobId: BlobId): Promise<BlobState | undefined> {
    const bytes = await records.get(blobKey(blobId))
    return bytes === undefined ? undefined : (decodeJson(bytes) as BlobState | undefined)
  }

  return {
    get,
    async getMany(blobIds) {
      const values = await records.getMany(blobIds.map(blobKey))
      return values.map(bytes => bytes && (decodeJson(bytes) as BlobState | undefined))
    },
    async cursor() {
      const bytes = await records.get(CURSOR_KEY)
      return bytes === undefined ? undefined : (decodeJson(bytes) as EventCursor | undefined)
    },
    async advance(cursor, change, more = []) {
      const operations: RecordOperation[] = [...more, putCursor(cursor)]
      if (change !== undefined) {
        operations.push(...putBlob(change.blobId, change.state, change.before))
      }
      // no sync: after a crash of the machine the events since are read again, which changes nothing
      await records.commit(operations)
    },
    async rewind(more = []) {
      await records.commit([...more, { type: 'del', key: CURSOR_KEY }])
    },
    async beginningWith(prefix, limit) {
      const found: BlobId[] = []
      const begin = BLOB_PREFIX + Buffer.from(prefix).toString('hex')
      for await (const key of records.keys(begin, { limit }))
        found.push(blobIdFromHex(key.slice(BLOB_PREFIX.length)))
      return found
    },
    async *list() {
      for await (const { key, value } of records.list(BLOB_PREFIX)) {
        const state = decodeJson(value) as BlobState | undefined
        if (state !== undefined) yield { blobId: blobIdFromHex(key.slice(BLOB_PREFIX.length)), state }
      }
    },
    async slice({ after, limit }) {
      const range = after === undefined ? { limit } : { after: blobKey(after), limit }
      const keys: string[] = []
      for await (const key of records.keys(BLOB_PREFIX, range)) keys.push(key)
      const values = await records.getMany(keys)
      return keys.map((key, i) => [
        blobIdFromHex(key.slice(BLOB_PREFIX.length)),
        // one that was dropped meanwhile says nothing
        (values[i] && (decodeJson(values[i]) as BlobState | undefined)) ?? { registrations: [] },
      ])
    },
    commit: (operations, options) => records.commit(operations, options),
    async endings(epoch, { after, limit }) {
      const found: Ending[] = []
      const range = { before: endingsUpTo(epoch), limit, after }
      for await (const key of records.keys(ENDING_PREFIX, range))
        found.push({ key, blobId: blobIdOfEnding(key) })
      return found
    },
    async forget({ key }) {
      await records.commit([{ type: 'del', key }])
    },
    async dropped({ key, blobId }, remembered) {
      const operations: RecordOperation[] = [
        { type: 'del', key },
        { type: 'del', key: missingKey(blobId) },
      ]
      if (remembered === undefined) operations.push({ type: 'del', key: blobKey(blobId) })
      else operations.push({ type: 'put', key: blobKey(blobId), value: encodeJson(remembered) })
      // of an invalid one no note is needed: it is never forgotten
      if (remembered !== undefined && !remembered.invalid) operations.push(ending(blobId, remembered))
      await records.commit(operations)
    },
  }
}

export const putCursor = (cursor: EventCursor): RecordOperation => ({
  type: 'put',
  key: CURSOR_KEY,
  value: encodeJson(cursor),
})

/** A blob's record, and the one note of its end. */
export function putBlob(blobId: BlobId, state: BlobState, before: BlobState | undefined): RecordOperation[] {
  const moved = before !== undefined && endEpochOf(before) !== endEpochOf(state)
  return [
    ...(moved ? [{ type: 'del' as const, key: endingKey(endEpochOf(before), blobId) }] : []),
    { type: 'put', key: blobKey(blobId), value: encodeJson(state) },
    ending(blobId, state),
  ]
}

/** Notes when a blob ends. */
export function ending(blobId: BlobId, state: BlobState): RecordOperation {
  return { type: 'put', key: endingKey(endEpochOf(state), blobId), value: new Uint8Array() }
}

/** The sizes of blobs, for records of versions that did not note them: from their metadata, where the store has it. */
export async function* fillSizes(records: Records): AsyncIterable<RecordOperation> {
  for await (const { blobId, state } of createBlobRecords(records).list()) {
    if (state.size !== undefined || state.registrations.length === 0) continue
    const metadata = await records.get(metadataKey(blobId))
    const size = metadata && unencodedLengthIn(metadata)
    if (size !== undefined)
      yield { type: 'put', key: blobKey(blobId), value: encodeJson({ ...state, size } satisfies BlobState) }
  }
}

/** The notes of all blobs anew, one each. */
export async function* renewEndings(records: Records): AsyncIterable<RecordOperation> {
  for await (const key of records.keys(ENDING_PREFIX)) yield { type: 'del', key }
  for await (const { blobId, state } of createBlobRecords(records).list()) yield ending(blobId, state)
}
