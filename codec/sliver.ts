import { equalBytes } from '../base/bytes.ts'
import { expectInteger, uleb128 } from './bytes.ts'
import { CodecError } from './errors.ts'
import { copyBytes } from './host/copy.ts'
import { SLIVER_TRAILER, sliverSymbols, symbolSize } from './params.ts'
import type { BlobMetadata, SliverPairIndex, SliverRef } from './types.ts'

/** Row of a primary sliver, column of a secondary one: the secondary sliver of pair i is column n-1-i. */
export function sliverIndex({ pair, axis }: SliverRef, nShards: number): number {
  return axis === 'primary' ? pair : nShards - 1 - pair
}

/**
 * The symbols of a sliver, as a view into its BCS. Everything around them is fixed by the metadata, so there is one
 * encoding: throws SLIVER_MALFORMED for any other length, symbol size or index.
 */
export function sliverBody(
  metadata: Pick<BlobMetadata, 'nShards' | 'unencodedLength'>,
  ref: SliverRef,
  bytes: Uint8Array,
): Uint8Array {
  const { nShards, unencodedLength } = metadata
  expectInteger(ref.pair, 0, nShards - 1, 'sliver pair')
  const size = symbolSize(nShards, unencodedLength)
  const body = sliverSymbols(nShards, ref.axis) * size
  const header = uleb128(body)
  if (bytes.length !== header.length + body + SLIVER_TRAILER) throw malformed(ref, 'length')
  if (!equalBytes(bytes.subarray(0, header.length), header)) throw malformed(ref, 'length prefix')
  const trailer = bytes.subarray(header.length + body)
  if ((trailer[0]! | (trailer[1]! << 8)) !== size) throw malformed(ref, 'symbol size')
  if ((trailer[2]! | (trailer[3]! << 8)) !== sliverIndex(ref, nShards)) throw malformed(ref, 'index')
  return bytes.subarray(header.length, header.length + body)
}

/** BCS `SliverData` around a sliver's symbols. */
export function sliverFromBody(nShards: number, ref: SliverRef, size: number, body: Uint8Array): Uint8Array {
  const header = uleb128(body.length)
  const bytes = new Uint8Array(header.length + body.length + SLIVER_TRAILER)
  const index = sliverIndex(ref, nShards)
  bytes.set(header)
  copyBytes(bytes, header.length, body)
  bytes.set(sliverTrailer(size, index), header.length + body.length)
  return bytes
}

/** What surrounds a sliver's symbols in its BCS, and how many bytes of them there are. */
export function sliverFrame(
  { nShards, unencodedLength }: Pick<BlobMetadata, 'nShards' | 'unencodedLength'>,
  ref: SliverRef,
): { header: Uint8Array; bodyBytes: number; trailer: Uint8Array } {
  const size = symbolSize(nShards, unencodedLength)
  const bodyBytes = sliverSymbols(nShards, ref.axis) * size
  return { header: uleb128(bodyBytes), bodyBytes, trailer: sliverTrailer(size, sliverIndex(ref, nShards)) }
}

/** What follows a sliver's symbols: symbol size u16, index u16. */
export function sliverTrailer(size: number, index: number): Uint8Array {
  return Uint8Array.of(size & 0xff, size >> 8, index & 0xff, index >> 8)
}

function malformed(ref: SliverRef, what: string): CodecError {
  return new CodecError('SLIVER_MALFORMED', `${ref.axis} sliver ${ref.pair}: wrong ${what}`, { ...ref, what })
}

/** a body is below 2^32 bytes */
export const SLIVER_HEAD_BYTES = 5

/**
 * Length of the BCS `SliverData` that begins with these bytes, of which `SLIVER_HEAD_BYTES` are enough; undefined when none
 * does.
 */
export function sliverLengthAt(head: Uint8Array): number | undefined {
  let body = 0
  for (let i = 0; i < Math.min(head.length, SLIVER_HEAD_BYTES); i++) {
    body += (head[i]! & 0x7f) * 2 ** (7 * i)
    if ((head[i]! & 0x80) === 0) return i + 1 + body + SLIVER_TRAILER
  }
  return undefined
}

/**
 * Which slivers of a network of `nShards` these bytes may be by their form: one, none, or two below 4 shards, where both
 * axes have the same length. Whether they are is for the metadata to tell.
 */
export function sliverRefsOf(nShards: number, bytes: Uint8Array): SliverRef[] {
  if (sliverLengthAt(bytes) !== bytes.length) return []
  const trailer = bytes.subarray(bytes.length - SLIVER_TRAILER)
  const size = trailer[0]! | (trailer[1]! << 8)
  const index = trailer[2]! | (trailer[3]! << 8)
  if (size === 0 || size % 2 === 1 || index >= nShards) return []
  return (['primary', 'secondary'] as const)
    .map(axis => ({ axis, pair: (axis === 'primary' ? index : nShards - 1 - index) as SliverPairIndex }))
    .filter(({ axis }) => {
      const body = sliverSymbols(nShards, axis) * size
      return bytes.length === uleb128(body).length + body + SLIVER_TRAILER
    })
}
