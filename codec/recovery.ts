import { bcs } from '@mysten/bcs'
import { decodeExact } from './bcs.ts'
import { equalBytes, expectInteger } from './bytes.ts'
import { CodecError } from './errors.ts'
import { leafHash, pathLength, rootOfPath } from './merkle.ts'
import { sliverHash } from './metadata.ts'
import { symbolSize } from './params.ts'
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
    symbol.path.every(node => node.length === 32)
  if (
    !wellFormed ||
    !equalBytes(rootOfPath(leafHash(symbol.data), leaf, symbol.path), sliverHash(metadata, source))
  ) {
    throw new CodecError('SYMBOL_MISMATCH', `not a symbol of ${source.axis} sliver ${source.pair}`, {
      ...source,
    })
  }
}

const merkleNode = bcs.enum('MerkleNode', { Empty: null, Digest: bcs.bytes(32) })
const recoverySymbol = bcs.struct('RecoverySymbol', {
  symbol: bcs.struct('DecodingSymbol', { index: bcs.u16(), data: bcs.byteVector() }),
  proof: bcs.struct('MerkleProof', { path: bcs.vector(merkleNode) }),
})
const inconsistencyProof = bcs.struct('InconsistencyProof', {
  target_sliver_index: bcs.u16(),
  recovery_symbols: bcs.vector(recoverySymbol),
})

type SymbolBcs = typeof recoverySymbol.$inferInput

/** BCS of `RecoverySymbol`. An empty sibling is written as such: 32 zero bytes are no digest. */
export function encodeRecoverySymbol(symbol: ProvenSymbol): Uint8Array {
  return recoverySymbol.serialize(toBcs(symbol)).toBytes()
}

/** Throws MALFORMED. The symbol is not checked: see `verifySymbol`. */
export function decodeRecoverySymbol(bytes: Uint8Array): ProvenSymbol {
  return fromBcs(decodeExact(recoverySymbol, bytes))
}

/** BCS of `InconsistencyProof`; the axis is the caller's to say, as in `InconsistencyProof` of Walrus. */
export function encodeInconsistencyProof(proof: InconsistencyProof, nShards: number): Uint8Array {
  return inconsistencyProof
    .serialize({
      target_sliver_index: sliverIndex(proof.target, nShards),
      recovery_symbols: proof.symbols.map(toBcs),
    })
    .toBytes()
}

/** Throws MALFORMED. Nothing is checked: see `Codec.verifyInconsistencyProof`. */
export function decodeInconsistencyProof(bytes: Uint8Array, axis: Axis, nShards: number): InconsistencyProof {
  const proof = decodeExact(inconsistencyProof, bytes)
  if (proof.target_sliver_index >= nShards) {
    throw new CodecError('MALFORMED', 'the proof is about no sliver', { what: 'InconsistencyProof' })
  }
  return {
    target: sliverRef(proof.target_sliver_index, axis, nShards),
    symbols: proof.recovery_symbols.map(fromBcs),
  }
}

function toBcs({ index, data, path }: ProvenSymbol): SymbolBcs {
  const nodes = path.map(node => (node.every(byte => byte === 0) ? { Empty: null } : { Digest: node }))
  return { symbol: { index, data }, proof: { path: nodes as SymbolBcs['proof']['path'] } }
}

function fromBcs({ symbol, proof }: typeof recoverySymbol.$inferType): ProvenSymbol {
  const path = [...proof.path].map(node => {
    if (node.Digest === undefined) return new Uint8Array(32)
    const digest = Uint8Array.from(node.Digest)
    if (digest.some(byte => byte !== 0)) return digest
    throw new CodecError('MALFORMED', 'an empty node written as a digest', { what: 'RecoverySymbol' })
  })
  return { index: symbol.index, data: Uint8Array.from(symbol.data), path }
}
