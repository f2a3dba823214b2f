/**
 * fetch: a stream carries one request after another.
 *
 *   client: FetchRequest                      list of (blob, sliver)
 *   server: per item, in any order: FetchAnswer, and a body when it was found; or an error at any time
 */
import { bcs } from '@mysten/bcs'
import type { BlobId, SliverRef } from '../../codec/types.ts'
import { list, type Message, message, plain, reply, WireBlobId, WireSliverRef } from '../wire.ts'

/** BCS of one item is 35 bytes: what fits the request's limit, with room for its head. */
export const MAX_FETCH_ITEMS = 1_800

/** One sliver asked for. */
export interface FetchItem {
  blobId: BlobId
  ref: SliverRef
}

export const FetchRequest: Message<{ items: FetchItem[] }> = message(
  'FetchRequest',
  plain(
    bcs.struct('FetchRequestV1', {
      items: list(
        plain<FetchItem>(bcs.struct('FetchItem', { blobId: WireBlobId, ref: WireSliverRef })),
        MAX_FETCH_ITEMS,
      ),
    }),
  ),
)

export interface FetchAnswerFields {
  /** position in the request */
  index: number
  /** bytes of BCS `SliverData` that follow; null when the node does not have the sliver */
  length: number | null
}

export const FetchAnswer: Message<FetchAnswerFields> = reply(
  'FetchAnswer',
  plain(bcs.struct('FetchAnswerV1', { index: bcs.u16(), length: bcs.option(bcs.u32()) })),
)
