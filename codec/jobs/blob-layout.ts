import { uleb128 } from '../bytes.ts'
import type { Allotment } from '../host/arena.ts'
import { encodingParams, SLIVER_TRAILER, sliverLength, symbolSize, ulebLength } from '../params.ts'
import { sliverTrailer } from '../sliver.ts'

/** What of the expanded matrix is kept. */
export type Extent =
  /** all slivers: 4.5 times the blob */
  | 'slivers'
  /** the message and the columns that are hashed next: 1.5 times the blob */
  | 'message'

/** Slivers of one axis in memory: each a BCS `SliverData`, `stride` bytes apart. */
export interface SliverArray {
  /** index of the first row or column that is kept */
  first: number
  /** index after the last */
  end: number
  base: number
  stride: number
  /** the BCS length prefix before the symbols */
  header: Uint8Array
  /** bytes of the symbols */
  body: number
  /** bytes of a sliver */
  length: number
}

/** Where a blob's rows and columns lie. Rows are primary slivers, columns secondary ones. */
export interface BlobLayout {
  n: number
  p: number
  s: number
  symbolSize: number
  unencodedLength: number
  extent: Extent
  rows: SliverArray
  columns: SliverArray
}

export function layOutBlob(
  allotment: Allotment,
  nShards: number,
  unencodedLength: number,
  extent: Extent,
  /** rows p to n-1 too, as sources of a decode */
  repairRows = extent === 'slivers',
  repairColumns = true,
  sourceColumns = extent === 'slivers',
): BlobLayout {
  const { primarySymbols: p, secondarySymbols: s } = encodingParams(nShards)
  const size = symbolSize(nShards, unencodedLength)
  const array = (symbols: number, length: number, first: number, end: number): SliverArray => {
    const stride = Math.ceil(length / 64) * 64 + 64
    const body = symbols * size
    const base = allotment.take((end - first) * stride, 4096) - first * stride
    return {
      first,
      end,
      base,
      stride,
      header: uleb128(body),
      body,
      length: ulebLength(body) + body + SLIVER_TRAILER,
    }
  }
  return {
    n: nShards,
    p,
    s,
    symbolSize: size,
    unencodedLength,
    extent,
    rows: array(s, sliverLength(nShards, unencodedLength, 'primary'), 0, repairRows ? nShards : p),
    columns: array(
      p,
      sliverLength(nShards, unencodedLength, 'secondary'),
      sourceColumns ? 0 : s,
      repairColumns ? nShards : s,
    ),
  }
}

/** Address of the first symbol of a row or column. */
export function symbolsAt(slivers: SliverArray, index: number): number {
  return slivers.base + index * slivers.stride + slivers.header.length
}

/** A view of one sliver's BCS. */
export function sliverView(bytes: Uint8Array, slivers: SliverArray, index: number): Uint8Array {
  const at = slivers.base + index * slivers.stride
  return bytes.subarray(at, at + slivers.length)
}

/** Writes what surrounds the symbols: length prefix before, symbol size and index after. */
export function writeFrame(bytes: Uint8Array, slivers: SliverArray, index: number, size: number): void {
  const at = slivers.base + index * slivers.stride
  bytes.set(slivers.header, at)
  bytes.set(sliverTrailer(size, index), at + slivers.header.length + slivers.body)
}
