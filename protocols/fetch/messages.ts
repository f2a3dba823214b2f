/**
 * fetch: a stream carries one request after another.
 *
 *   client: FetchRequest                      list of (blob, sliver, range of its bytes)
 *   server: per item, in any order: FetchAnswer, and the range as body when it was found; or an error at any time
 */
import { bcs } from '@mysten/bcs'
import type { BlobId, SliverRef } from '../../codec/types.ts'
import { list, type Message, message, plain, reply, WireBlobId, WireSliverRef } from '../wire.ts'

/** BCS of one item is 40 or 44 bytes: what fits the request's limit, with room for its head. */
export const MAX_FETCH_ITEMS = 1_480

/** A part of a sliver's BCS bytes. What lies beyond the sliver's end is not there. */
export interface SliverRange {
  /** the first byte */
  offset: number
  /** at most so many bytes; null: up to the end */
  length: number | null
}

/** How many bytes a range has of a sliver of `total` bytes. */
export const rangeBytes = ({ offset, length }: SliverRange, total: number): number =>
  Math.min(length ?? total, Math.max(0, total - offset))

/** One sliver asked for, or a part of it. */
export interface FetchItem extends SliverRange {
  blobId: BlobId
  ref: SliverRef
}

export const FetchRequest: Message<{ items: FetchItem[] }> = message(
  'FetchRequest',
  plain(
    bcs.struct('FetchRequestV1', {
      items: list(
        plain<FetchItem>(
          bcs.struct('FetchItem', {
            blobId: WireBlobId,
            ref: WireSliverRef,
            offset: bcs.u32(),
            length: bcs.option(bcs.u32()),
          }),
        ),
        MAX_FETCH_ITEMS,
      ),
    }),
  ),
)

export interface FetchAnswerFields {
  /** position in the request */
  index: number
  /**
   * bytes of BCS `SliverData` of the whole sliver, of which the range that was asked for follows; null when the node does not
   * have the sliver
   */
  total: number | null
}

export const FetchAnswer: Message<FetchAnswerFields> = reply(
  'FetchAnswer',
  plain(bcs.struct('FetchAnswerV1', { index: bcs.u16(), total: bcs.option(bcs.u32()) })),
)
