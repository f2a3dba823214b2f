import { equalBytes } from '../base/bytes.ts'
import { expectInteger } from './bytes.ts'
import { DIGEST_LENGTH, innerHash, leafHash, pathLength, rootOfPath } from './merkle.ts'
import { sliverHash } from './metadata.ts'
import { sliverSymbols, symbolSize } from './params.ts'
import { crossingAxis, sliverRef } from './recovery.ts'
import { sliverBody } from './sliver.ts'
import type { Axis, BlobMetadata, SliverRef } from './types.ts'

/**
 * Pieces of slivers, for storage challenges: a sliver of up to 16 KiB is one piece, a larger one is cut into the longest aligned
 * runs of symbols, a power of two of them, that 16 KiB hold; one symbol where it is larger. So that a piece is a subtree of the
 * sliver's Merkle tree, and the path to the sliver's hash is short.
 */

/** Bytes of a piece at most, unless one symbol has more. */
export const PIECE_BYTES = 16 * 1024

/** How a sliver is cut. */
export interface PieceShape {
  /** pieces of a sliver, at least 1 */
  count: number
  /** symbols of each but the last, which may have fewer; all of them where there is one piece */
  symbols: number
  /** bytes of a symbol */
  symbolBytes: number
}

type Sizes = Pick<BlobMetadata, 'nShards' | 'unencodedLength'>

/** How the slivers of an axis are cut. Throws INVALID_ARGUMENT, BLOB_TOO_LARGE. */
export function pieceShape({ nShards, unencodedLength }: Sizes, axis: Axis): PieceShape {
  const symbolBytes = symbolSize(nShards, unencodedLength)
  const all = sliverSymbols(nShards, axis)
  if (all * symbolBytes <= PIECE_BYTES) return { count: 1, symbols: all, symbolBytes }
  const symbols = 2 ** Math.floor(Math.log2(Math.max(1, PIECE_BYTES / symbolBytes)))
  return { count: Math.ceil(all / symbols), symbols, symbolBytes }
}

/** Bytes of one piece. @param piece from 0 on */
export function pieceLength(sizes: Sizes, axis: Axis, piece: number): number {
  const { symbolBytes } = pieceShape(sizes, axis)
  const [first, end] = symbolsOf(sizes, axis, piece)
  return (end - first) * symbolBytes
}

/** One piece of a sliver in BCS, as a view. Throws SLIVER_MALFORMED. */
export function pieceOf(metadata: Sizes, ref: SliverRef, sliver: Uint8Array, piece: number): Uint8Array {
  const { symbolBytes } = pieceShape(metadata, ref.axis)
  const [first, end] = symbolsOf(metadata, ref.axis, piece)
  return sliverBody(metadata, ref, sliver).subarray(first * symbolBytes, end * symbolBytes)
}

/** The sliver that crosses this one at the last symbol of a piece: whose path `recoverySymbols` gives with its symbol. */
export function pieceCrossing(metadata: Sizes, axis: Axis, piece: number): SliverRef {
  const [, end] = symbolsOf(metadata, axis, piece)
  return sliverRef(end - 1, crossingAxis(axis), metadata.nShards)
}

/**
 * What a verifier lacks of the path of a piece's last symbol: what lies within the piece it finds itself. None for a sliver that is
 * one piece, which is checked as a whole.
 */
export function piecePath(
  metadata: Sizes,
  axis: Axis,
  piece: number,
  path: readonly Uint8Array[],
): Uint8Array[] {
  const needed = neededOf(metadata, axis, piece)
  return path.filter((_, level) => needed[level])
}

/** How many siblings `isPiece` takes. */
export function piecePathLength(metadata: Sizes, axis: Axis, piece: number): number {
  return neededOf(metadata, axis, piece).filter(Boolean).length
}

/** Whether these bytes are that piece of the sliver; of a sliver that is cut. Takes any bytes and any path. */
export function isPiece(
  metadata: BlobMetadata,
  ref: SliverRef,
  piece: number,
  bytes: Uint8Array,
  path: readonly Uint8Array[],
): boolean {
  const { symbolBytes, symbols } = pieceShape(metadata, ref.axis)
  const needed = neededOf(metadata, ref.axis, piece)
  const isShaped =
    bytes.length === pieceLength(metadata, ref.axis, piece) &&
    path.length === needed.filter(Boolean).length &&
    path.every(node => node.length === DIGEST_LENGTH)
  if (!isShaped) return false
  let nodes = Array.from({ length: bytes.length / symbolBytes }, (_, i) =>
    leafHash(bytes.subarray(i * symbolBytes, (i + 1) * symbolBytes)),
  )
  const rest = [...path]
  for (let width = symbols; width > 1; width /= 2) {
    if (nodes.length % 2 === 1) nodes.push(rest.shift()!)
    nodes = Array.from({ length: nodes.length / 2 }, (_, i) => innerHash(nodes[2 * i]!, nodes[2 * i + 1]!))
  }
  return equalBytes(rootOfPath(nodes[0]!, piece, rest), sliverHash(metadata, ref))
}

/** The first symbol of a piece, and the one behind its last. */
function symbolsOf(sizes: Sizes, axis: Axis, piece: number): [number, number] {
  const { count, symbols } = pieceShape(sizes, axis)
  expectInteger(piece, 0, count - 1, 'piece of a sliver')
  const all = sliverSymbols(sizes.nShards, axis)
  return [piece * symbols, Math.min(all, (piece + 1) * symbols)]
}

/** By levels of the sliver's tree, whether the sibling of the last symbol's path is none that follows from the piece. */
function neededOf(sizes: Sizes, axis: Axis, piece: number): boolean[] {
  const { count, symbols } = pieceShape(sizes, axis)
  const [, end] = symbolsOf(sizes, axis, piece)
  const within = Math.log2(symbols)
  return Array.from({ length: pathLength(sizes.nShards) }, (_, level) => {
    if (count === 1) return false
    return level >= within || ((end - 1) >> level) % 2 === 0
  })
}
