import { expectInteger, uleb128 } from '../bytes.ts'
import { encodingParams, symbolSize } from '../params.ts'
import { sliverRef } from '../recovery.ts'
import { sliverTrailer } from '../sliver.ts'
import type { Axis, SliverRef } from '../types.ts'
import type { SliverFiles } from './ports.ts'

/** With everything else under 512 MiB for any blob on 1000 shards, and writes of some 100 KB for those of GiBs. */
const DEFAULT_WINDOW_BYTES = 96 * 2 ** 20

/** Sizes of a blob's rows and columns, and how many fit into the window at once. */
export interface StreamGeometry {
  n: number
  p: number
  s: number
  symbol: number
  /** bytes of a row below s, and of a column below p */
  rowBytes: number
  columnBytes: number
  /** rows, and columns, to handle together */
  rowGroup: number
  columnGroup: number
  frames: Record<Axis, Frame>
}

/** BCS around a sliver's symbols. */
export interface Frame {
  header: Uint8Array
  trailerAt: number
}

export function streamGeometry(
  nShards: number,
  unencodedLength: number,
  windowBytes = DEFAULT_WINDOW_BYTES,
): StreamGeometry {
  const { primarySymbols: p, secondarySymbols: s } = encodingParams(nShards)
  const symbol = symbolSize(nShards, unencodedLength)
  expectInteger(windowBytes, 1, Number.MAX_SAFE_INTEGER, 'window of a stream')
  const rowBytes = s * symbol
  const columnBytes = p * symbol
  const group = (count: number) =>
    Math.max(1, Math.min(count, Math.floor(windowBytes / (2 * nShards * symbol))))
  const frame = (body: number): Frame => {
    const header = uleb128(body)
    return { header, trailerAt: header.length + body }
  }
  return {
    n: nShards,
    p,
    s,
    symbol,
    rowBytes,
    columnBytes,
    rowGroup: group(p),
    columnGroup: group(s),
    frames: { primary: frame(rowBytes), secondary: frame(columnBytes) },
  }
}

/** Writes what surrounds a sliver's symbols. */
export async function writeFrame(
  slivers: SliverFiles,
  { n, symbol, frames }: StreamGeometry,
  index: number,
  axis: Axis,
): Promise<SliverRef> {
  const ref = sliverRef(index, axis, n)
  const { header, trailerAt } = frames[axis]
  await slivers.write(ref, 0, header)
  await slivers.write(ref, trailerAt, sliverTrailer(symbol, index))
  return ref
}
