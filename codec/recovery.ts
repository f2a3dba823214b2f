import { concatBytes, equalBytes } from '../base/bytes.ts'
import { ByteReader, expectInteger, u16le, uleb128 } from './bytes.ts'
import { CodecError } from './errors.ts'
import { DIGEST_LENGTH, leafHash, pathLength, rootOfPath } from './merkle.ts'
import { sliverHash } from './metadata.ts'
import { sliverSymbols, symbolSize, ulebLength } from './params.ts'
import { sliverIndex } from './sliver.ts'
import type { Axis, BlobMetadata, SliverPairIndex, SliverRef } from './types.ts'

/** The symbol where a stored sliver (the source) crosses a lost one (the target). */
export interface RecoverySymbol {
  /** row or column of the source, not its pair */
  index: number
  /** symbolSize bytes */
  data: Uint8Array
}

/** A symbol that anyone can check against the source's hash in the metadata. */
export interface ProvenSymbol extends RecoverySymbol {
  /** siblings from the symbol's leaf up to the source's root */
  path: Uint8Array[]
}

/** Shows that a target sliver, recovered from symbols that the metadata commits to, is not what it commits to. */
export interface InconsistencyProof {
  target: SliverRef
  symbols: ProvenSymbol[]
}

export function crossingAxis(axis: Axis): Axis {
  return axis === 'primary' ? 'secondary' : 'primary'
}

/** The sliver whose row or column is `index`. */
export function sliverRef(index: number, axis: Axis, nShards: number): SliverRef {
  return { pair: (axis === 'primary' ? index : nShards - 1 - index) as SliverPairIndex, axis }
}

/** Throws SYMBOL_MISMATCH unless the symbol is what its source, as the metadata has it, holds for the target. */
export function verifySymbol(metadata: BlobMetadata, target: SliverRef, symbol: ProvenSymbol): void {
  const { nShards, unencodedLength } = metadata
  expectInteger(symbol.index, 0, nShards - 1, 'index of the recovery symbol')
  const leaf = expectInteger(sliverIndex(target, nShards), 0, nShards - 1, 'sliver')
  const source = sliverRef(symbol.index, crossingAxis(target.axis), nShards)
  const wellFormed =
    symbol.data.length === symbolSize(nShards, unencodedLength) &&
    symbol.path.length === pathLength(nShards) &&
    symbol.path.every(node => node.length === DIGEST_LENGTH)
  if (
    !wellFormed ||
    !equalBytes(rootOfPath(leafHash(symbol.data), leaf, symbol.path), sliverHash(metadata, source))
  ) {
    throw new CodecError('SYMBOL_MISMATCH', `not a symbol of ${source.axis} sliver ${source.pair}`, {
      ...source,
    })
  }
}

/** of the path in a tree of as many leaves as a number of shards can be */
const MOST_LEVELS = 16
/** Variants of `MerkleNode`. */
const NODE_EMPTY = 0
const NODE_DIGEST = 1

/** BCS of `RecoverySymbol`. An empty sibling is written as such: 32 zero bytes are no digest. */
export function encodeRecoverySymbol({ index, data, path }: ProvenSymbol): Uint8Array {
  const nodes = path.flatMap(node =>
    isEmpty(node) ? [Uint8Array.of(NODE_EMPTY)] : [Uint8Array.of(NODE_DIGEST), node],
  )
  return concatBytes(u16le(index), uleb128(data.length), data, uleb128(path.length), ...nodes)
}

/** Throws MALFORMED. The symbol is not checked: see `verifySymbol`. */
export function decodeRecoverySymbol(bytes: Uint8Array): ProvenSymbol {
  const reader = new ByteReader(bytes, 'recovery symbol')
  const symbol = readSymbol(reader, MOST_LEVELS)
  reader.end()
  return symbol
}

/** BCS of `InconsistencyProof`; the axis is the caller's to say, as in `InconsistencyProof` of Walrus. */
export function encodeInconsistencyProof(proof: InconsistencyProof, nShards: number): Uint8Array {
  return concatBytes(
    u16le(sliverIndex(proof.target, nShards)),
    uleb128(proof.symbols.length),
    ...proof.symbols.map(encodeRecoverySymbol),
  )
}

/**
 * Throws MALFORMED, also for more symbols or longer paths than there can be: an empty sibling is a byte here, and a hundred in
 * memory. Nothing else is checked: see `Codec.verifyInconsistencyProof`.
 */
export function decodeInconsistencyProof(bytes: Uint8Array, axis: Axis, nShards: number): InconsistencyProof {
  const reader = new ByteReader(bytes, 'inconsistency proof')
  const index = reader.u16()
  if (index >= nShards) throw reader.malformed()
  const symbols: ProvenSymbol[] = []
  const levels = pathLength(nShards)
  for (let left = countIn(reader, nShards); left > 0; left--) symbols.push(readSymbol(reader, levels))
  reader.end()
  return { target: sliverRef(index, axis, nShards), symbols }
}

/** Bytes of the longest proof about a sliver: as many symbols as recover it, each with a path that has no empty sibling. */
export function longestInconsistencyProof(nShards: number, unencodedLength: number, axis: Axis): number {
  const size = symbolSize(nShards, unencodedLength)
  const levels = pathLength(nShards)
  const symbols = sliverSymbols(nShards, axis)
  const symbol = 2 + ulebLength(size) + size + ulebLength(levels) + levels * (1 + DIGEST_LENGTH)
  return 2 + ulebLength(symbols) + symbols * symbol
}

function readSymbol(reader: ByteReader, levels: number): ProvenSymbol {
  const index = reader.u16()
  const data = reader.take(reader.uleb128()).slice()
  const path: Uint8Array[] = []
  for (let left = countIn(reader, levels); left > 0; left--) path.push(readNode(reader))
  return { index, data, path }
}

function countIn(reader: ByteReader, most: number): number {
  const count = reader.uleb128()
  if (count > most) throw reader.malformed()
  return count
}

function readNode(reader: ByteReader): Uint8Array {
  const variant = reader.u8()
  if (variant === NODE_EMPTY) return new Uint8Array(DIGEST_LENGTH)
  if (variant !== NODE_DIGEST) throw reader.malformed()
  const digest = reader.take(DIGEST_LENGTH).slice()
  // a second encoding of the empty node
  if (isEmpty(digest)) throw reader.malformed()
  return digest
}

function isEmpty(node: Uint8Array): boolean {
  return node.every(byte => byte === 0)
}
