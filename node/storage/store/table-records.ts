import { defined } from '../../../base/defined.ts'
import type { EventCursor } from '../../../chain/types/index.ts'
import { TABLE_END, type TableHead } from '../../../codec/index.ts'
import type { BlobId, Epoch } from '../../../codec/types.ts'
import type { SnapshotPage } from '../../../protocols/index.ts'
import type { BlobState } from './blob-state.ts'
import {
  BEFORE_PREFIX,
  beforeKey,
  beforesOf,
  blobIdFromHex,
  epochOfKey,
  TABLE_BEGUN_KEY,
  TABLE_INCOMING_KEY,
  TABLE_PENDING_KEY,
  TABLE_PREFIX,
  tableHashKey,
  tableHeadKey,
  tablePageKey,
  tablePrefix,
} from './keys.ts'
import { commitInSlices, decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'

/** A table that is to be written: as of this event. */
export interface PendingTable {
  epoch: Epoch
  cursor: EventCursor
}

/** A table that is taken from others. */
export interface IncomingTable {
  head: TableHead
  /** so many pages have come and were right */
  pages: number
  /** 32 bytes: hash of the one that comes next */
  next: Uint8Array
  /** All have come; the blobs' records are being made those of the table. */
  applying: boolean
}

/** Blob tables as of epochs' beginnings, and what is needed to write them. Operations are committed with what makes them true. */
export interface TableRecords {
  /** Of the tables that are whole, the newest first. */
  heads(): Promise<TableHead[]>
  page(epoch: Epoch, page: number): Promise<SnapshotPage | undefined>
  rows(epoch: Epoch, page: number): Promise<Uint8Array | undefined>
  /** Whether every page of a table is there. */
  isWhole(head: Pick<TableHead, 'epoch' | 'pages'>): Promise<boolean>
  pending(): Promise<PendingTable | undefined>
  /** The newest epoch for which a table was begun, or taken; 0 before the first. */
  begun(): Promise<Epoch>
  incoming(): Promise<IncomingTable | undefined>
  hasBefore(epoch: Epoch, blobId: BlobId): Promise<boolean>
  /** What was noted of blobs above `after`, up to `upTo` or to the last. */
  befores(
    epoch: Epoch,
    range: { after: BlobId | undefined; upTo: BlobId | undefined },
  ): Promise<Map<BlobId, BlobState | undefined>>
  commit(operations: readonly RecordOperation[], options?: { sync?: boolean }): Promise<void>
  /** Drops the pages of a table, or of those of all epochs up to one but some. */
  drop(which: { epoch: Epoch } | { upTo: Epoch; allBut: ReadonlySet<Epoch> }): Promise<void>
  /** Drops what was noted of blobs for epochs up to one, but for another. */
  dropBefores(which: { upTo: Epoch; but: Epoch | undefined }): Promise<void>
}

const put = (key: string, value: Uint8Array): RecordOperation => ({ type: 'put', key, value })
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

export const beginTable = (pending: PendingTable): RecordOperation[] => [
  put(TABLE_PENDING_KEY, encodeJson(pending)),
  put(TABLE_BEGUN_KEY, encodeJson(pending.epoch)),
]
export const putBefore = (epoch: Epoch, blobId: BlobId, state: BlobState | undefined): RecordOperation =>
  put(beforeKey(epoch, blobId), encodeJson(state ?? null))
export const putTablePage = (epoch: Epoch, page: number, rows: Uint8Array): RecordOperation =>
  put(tablePageKey(epoch, page), rows)
/** @param hash of the page and all behind it */
export const putTableHash = (epoch: Epoch, page: number, hash: Uint8Array): RecordOperation =>
  put(tableHashKey(epoch, page), hash)
/** From here on the table is whole. */
export const endTable = (head: TableHead): RecordOperation[] => [
  put(tableHeadKey(head.epoch), encodeJson({ ...head, first: hex(head.first) })),
  put(TABLE_BEGUN_KEY, encodeJson(head.epoch)),
  { type: 'del', key: TABLE_PENDING_KEY },
]
export const putIncoming = ({ head, pages, next, applying }: IncomingTable): RecordOperation =>
  put(
    TABLE_INCOMING_KEY,
    encodeJson({ head: { ...head, first: hex(head.first) }, pages, next: hex(next), applying }),
  )
export const dropIncoming: RecordOperation = { type: 'del', key: TABLE_INCOMING_KEY }
/** Nothing that was noted of tables holds for blobs' records that were made anew. */
export async function* forgetTables(records: Records): AsyncIterable<RecordOperation> {
  for (const key of [TABLE_PENDING_KEY, TABLE_INCOMING_KEY]) yield { type: 'del', key }
  for (const prefix of [TABLE_PREFIX, BEFORE_PREFIX])
    for await (const key of records.keys(prefix)) yield { type: 'del', key }
}

export function createTableRecords(records: Records): TableRecords {
  async function read<T>(key: string): Promise<T | undefined> {
    const bytes = await records.get(key)
    return bytes === undefined ? undefined : (decodeJson(bytes) as T | undefined)
  }
  async function* deletions(prefix: string, goes: (epoch: Epoch) => boolean): AsyncIterable<RecordOperation> {
    for await (const key of records.keys(prefix)) if (goes(epochOfKey(key))) yield { type: 'del', key }
  }
  const rows = (epoch: Epoch, page: number) => records.get(tablePageKey(epoch, page))

  return {
    async heads() {
      const found: TableHead[] = []
      for await (const key of records.keys(TABLE_PREFIX)) {
        if (key !== tableHeadKey(epochOfKey(key))) continue
        const head = await read<TableHead & { first: string }>(key)
        if (head !== undefined) found.unshift({ ...head, first: bytesOf(head.first) })
      }
      return found
    },
    rows,
    async isWhole({ epoch, pages }) {
      for (let page = 0; page < pages; page++)
        if (!(await records.has(tablePageKey(epoch, page)))) return false
      return true
    },
    async page(epoch, page) {
      const [own, next] = await Promise.all([rows(epoch, page), records.get(tableHashKey(epoch, page + 1))])
      return own && { rows: own, next: next ?? TABLE_END }
    },
    pending: () => read<PendingTable>(TABLE_PENDING_KEY),
    begun: async () => (await read<Epoch>(TABLE_BEGUN_KEY)) ?? (0 as Epoch),
    async incoming() {
      const found = await read<IncomingTable & { next: string; head: { first: string } }>(TABLE_INCOMING_KEY)
      if (found === undefined) return undefined
      return {
        ...found,
        head: { ...found.head, first: bytesOf(found.head.first) },
        next: bytesOf(found.next),
      }
    },
    hasBefore: (epoch, blobId) => records.has(beforeKey(epoch, blobId)),
    async befores(epoch, { after, upTo }) {
      const prefix = beforesOf(epoch)
      const keys: string[] = []
      const range = defined({
        after: after && beforeKey(epoch, after),
        // the next key in order
        before: upTo && `${beforeKey(epoch, upTo)}0`,
      })
      for await (const key of records.keys(prefix, range)) keys.push(key)
      const values = await records.getMany(keys)
      return new Map(
        keys.map((key, i) => [
          blobIdFromHex(key.slice(prefix.length)),
          ((values[i] && decodeJson(values[i])) ?? undefined) as BlobState | undefined,
        ]),
      )
    },
    commit: (operations, options) => records.commit(operations, options),
    drop: async which =>
      await commitInSlices(
        records,
        'epoch' in which
          ? deletions(tablePrefix(which.epoch), () => true)
          : deletions(TABLE_PREFIX, epoch => epoch <= which.upTo && !which.allBut.has(epoch)),
      ),
    dropBefores: ({ upTo, but }) =>
      commitInSlices(
        records,
        deletions(BEFORE_PREFIX, epoch => epoch <= upTo && epoch !== but),
      ),
  }
}
