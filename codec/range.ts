import { expectInteger } from './bytes.ts'
import type { Engine } from './host/engine.ts'
import { newBytes } from './host/memory.ts'
import type { RangeInput, SliverCodec } from './interface.ts'
import { decodeBlob } from './jobs/decode.ts'
import { encodingParams, symbolSize } from './params.ts'
import { sliverBody } from './sliver.ts'
import type { BlobMetadata, SliverPairIndex, SliverRef } from './types.ts'

/** The primary slivers that hold the bytes [start, end) of a blob: rows of the message as they are. */
export function rangeSlivers(
  metadata: Pick<BlobMetadata, 'nShards' | 'unencodedLength'>,
  start: number,
  end: number,
): SliverRef[] {
  expectInteger(end, 0, metadata.unencodedLength, 'end of the range')
  expectInteger(start, 0, end, 'start of the range')
  if (start === end) return []
  const row = rowBytes(metadata)
  const first = Math.floor(start / row)
  const last = Math.floor((end - 1) / row)
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    pair: (first + i) as SliverPairIndex,
    axis: 'primary',
  }))
}

/** See `Codec.decodeRange`. */
export async function decodeRange(
  engine: Engine,
  { verifySliver }: SliverCodec,
  input: RangeInput,
): Promise<Uint8Array> {
  const { metadata, start, end, slivers, verify = true, signal } = input
  const wanted = rangeSlivers(metadata, start, end)
  const rows = new Map<SliverPairIndex, Uint8Array>()
  for (const { ref, bytes } of slivers) {
    if (ref.axis === 'primary' && !rows.has(ref.pair)) rows.set(ref.pair, bytes)
  }
  if (!wanted.every(({ pair }) => rows.has(pair))) return (await decodeBlob(engine, input)).slice(start, end)

  const out = newBytes(end - start)
  const row = rowBytes(metadata)
  for (const ref of wanted) {
    const bytes = rows.get(ref.pair)!
    const body = sliverBody(metadata, ref, bytes)
    if (verify) await verifySliver(metadata, ref, bytes, { signal })
    const at = ref.pair * row
    const from = Math.max(start - at, 0)
    out.set(body.subarray(from, Math.min(end - at, row)), at + from - start)
  }
  return out
}

function rowBytes({ nShards, unencodedLength }: Pick<BlobMetadata, 'nShards' | 'unencodedLength'>): number {
  return encodingParams(nShards).secondarySymbols * symbolSize(nShards, unencodedLength)
}
