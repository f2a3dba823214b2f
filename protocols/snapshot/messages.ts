/**
 * snapshot: a stream carries one request after another; each SnapshotRequest has one SnapshotPage.
 *
 * Which tables a node has is asked by status. A page is proved by the hash that the page before has named, and the first one by
 * the table's digest, so that the asker takes nothing on trust, and each page from whom it will.
 */
import { type BcsType, bcs } from '@mysten/bcs'
import { MAX_TABLE_PAGE_BYTES } from '../../codec/index.ts'
import { type Message, message, plain, reply, WireBytes } from '../wire.ts'

/** 32 bytes */
export const WireHash: BcsType<Uint8Array, Uint8Array> = plain(bcs.bytes(32))

/** Which page of which table. */
export interface SnapshotQuery {
  /** 32 bytes, of the table */
  digest: Uint8Array
  /** from 0 */
  page: number
}

export const SnapshotRequest: Message<SnapshotQuery> = message(
  'SnapshotRequest',
  plain(bcs.struct('SnapshotRequestV1', { digest: WireHash, page: bcs.u32() })),
)

/** A page of a blob table, as `TableEncoder` of the codec makes it. */
export interface SnapshotPage {
  /** at most MAX_TABLE_PAGE_BYTES; `TableDecoder` reads them */
  rows: Uint8Array
  /** 32 bytes: hash of the next page, zeros when there is none */
  next: Uint8Array
}

export const SnapshotAnswer: Message<SnapshotPage> = reply(
  'SnapshotAnswer',
  bcs.struct('SnapshotPage', { rows: WireBytes, next: WireHash }).transform<SnapshotPage, SnapshotPage>({
    input: page => page,
    output(page) {
      if (page.rows.length > MAX_TABLE_PAGE_BYTES) throw new RangeError('a page that is too long')
      return page
    },
  }),
)
