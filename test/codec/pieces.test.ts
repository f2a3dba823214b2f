import { strict as assert } from 'node:assert'
import {
  createCodec,
  isPiece,
  PIECE_BYTES,
  pieceCrossing,
  pieceLength,
  pieceOf,
  piecePath,
  piecePathLength,
  pieceShape,
} from '../../codec/index.ts'
import type { Axis, BlobMetadata, SliverPairIndex } from '../../codec/types.ts'
import { Random } from '../support/random.ts'

const AXES: readonly Axis[] = ['primary', 'secondary']
/** Shards, and bytes of a blob whose slivers are cut: symbols below, about and above what one piece holds; a last piece that is short. */
const CUT: readonly [number, number][] = [
  [4, 60_000],
  [7, 900_000],
  [10, 1_400_000],
  [13, 2_900_000],
  [100, 5_000_000],
]

describe('pieces of slivers', () => {
  it('are of a power of two of symbols within 16 KiB, one where it is larger; a small sliver is one piece', () => {
    assert.deepEqual(pieceShape({ nShards: 1000, unencodedLength: 1 }, 'primary'), {
      count: 1,
      symbols: 667,
      symbolBytes: 2,
    })
    for (const [nShards, unencodedLength] of CUT) {
      for (const axis of AXES) {
        const { count, symbols, symbolBytes } = pieceShape({ nShards, unencodedLength }, axis)
        assert.ok(Number.isInteger(Math.log2(symbols)) || count === 1)
        assert.ok(symbols * symbolBytes <= PIECE_BYTES || symbols === 1)
        assert.ok(2 * symbols * symbolBytes > PIECE_BYTES || count === 1)
      }
    }
  })

  it('lead to the hash of their sliver, each of them, and no other bytes and no other path do', async () => {
    await using codec = createCodec({ threads: 0 })
    for (const [nShards, bytes] of CUT) {
      using blob = await codec.encode(new Random(bytes).bytes(bytes), nShards)
      const { metadata } = blob
      for (const axis of AXES) {
        const ref = { pair: (nShards - 2) as SliverPairIndex, axis }
        const sliver = blob.sliver(ref)
        const { count } = pieceShape(metadata, axis)
        for (let piece = 0; piece < count; piece++) {
          const part = pieceOf(metadata, ref, sliver, piece)
          assert.equal(part.length, pieceLength(metadata, axis, piece))
          if (count === 1) continue
          const targets = [pieceCrossing(metadata, axis, piece)]
          const [symbol] = await codec.recoverySymbols({
            metadata,
            source: ref,
            bytes: sliver,
            targets,
            proofs: true,
          })
          const path = piecePath(metadata, axis, piece, symbol!.path)
          assert.equal(path.length, piecePathLength(metadata, axis, piece))
          assert.ok(isPiece(metadata, ref, piece, part, path), `${nShards} ${axis} ${piece}`)
          if (piece % 7 === 0) expectOthersRefused(metadata, { ref, piece, part, path })
        }
      }
    }
  })

  it('are counted from 0 on', () => {
    const sizes = { nShards: 10, unencodedLength: 1_500_000 }
    const { count } = pieceShape(sizes, 'primary')
    for (const piece of [-1, count, 0.5])
      assert.throws(() => pieceLength(sizes, 'primary', piece), { code: 'INVALID_ARGUMENT' })
  })
})

function expectOthersRefused(
  metadata: BlobMetadata,
  {
    ref,
    piece,
    part,
    path,
  }: { ref: Parameters<typeof isPiece>[1]; piece: number; part: Uint8Array; path: Uint8Array[] },
): void {
  const other = Uint8Array.from(part)
  other[other.length - 1]! ^= 1
  assert.equal(isPiece(metadata, ref, piece, other, path), false)
  assert.equal(isPiece(metadata, ref, piece, part.subarray(1), path), false)
  assert.equal(isPiece(metadata, ref, piece, part, path.slice(1)), path.length === 0)
  assert.equal(isPiece(metadata, ref, piece, part, [...path, new Uint8Array(32)]), false)
  if (path.length > 0) {
    const wrong = path.map(node => Uint8Array.from(node))
    wrong.at(-1)![0]! ^= 1
    assert.equal(isPiece(metadata, ref, piece, part, wrong), false)
  }
}
