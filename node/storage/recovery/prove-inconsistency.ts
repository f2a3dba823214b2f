import { equalBytes } from '../../../base/bytes.ts'
import {
  type Codec,
  encodeInconsistencyProof,
  isCodecError,
  type ProvenSymbol,
  type SliverBytes,
  sliverHash,
} from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex, SliverRef } from '../../../codec/types.ts'
import type { Accusation } from '../../../protocols/index.ts'

export interface ProvingInput {
  metadata: BlobMetadata
  target: SliverRef
  /** that the metadata proves, as many as recover the target at least */
  symbols: readonly ProvenSymbol[]
  signal: AbortSignal
}

/** That the target is not what the metadata commits to; undefined when this is not so. */
export async function accusationOf(
  codec: Pick<Codec, 'proveInconsistency'>,
  input: ProvingInput,
): Promise<Accusation | undefined> {
  const { metadata, target } = input
  try {
    const proof = await codec.proveInconsistency(input)
    return { metadata, axis: target.axis, proof: encodeInconsistencyProof(proof, metadata.nShards) }
  } catch (error) {
    if (isCodecError(error, 'PROOF_INVALID')) return undefined
    throw error
  }
}

/** What slivers, which the metadata commits to, have at their crossings with a target, with Merkle paths. */
export async function provenSymbols(
  codec: Pick<Codec, 'recoverySymbols'>,
  metadata: BlobMetadata,
  slivers: Iterable<SliverBytes> | AsyncIterable<SliverBytes>,
  target: SliverRef,
  signal: AbortSignal,
): Promise<ProvenSymbol[]> {
  const symbols: ProvenSymbol[] = []
  for await (const { ref: source, bytes } of slivers) {
    const crossing = { metadata, source, bytes, targets: [target], proofs: true, signal }
    symbols.push(...(await codec.recoverySymbols(crossing)))
  }
  return symbols
}

/** A blob that was decoded from slivers, each right by itself, and encoded anew to another. */
export interface DecodedEvidence {
  metadata: BlobMetadata
  /** of what it was encoded to */
  encoded: BlobMetadata
  /** from which it was decoded */
  primaries: Iterable<SliverBytes> | AsyncIterable<SliverBytes>
  /** of what it was encoded to, as many as recover a primary one; asked for once at most */
  secondaries: () => Iterable<SliverBytes> | AsyncIterable<SliverBytes>
}

/**
 * Where a secondary sliver differs, the primary ones prove it; where none does, the secondary ones prove it of a primary one.
 * Undefined when all agree: then the blob has something behind its end, which no sliver refutes.
 */
export async function accusationOfDecoded(
  codec: Pick<Codec, 'proveInconsistency' | 'recoverySymbols'>,
  { metadata, encoded, primaries, secondaries }: DecodedEvidence,
  signal: AbortSignal,
): Promise<Accusation | undefined> {
  const { nShards } = metadata
  const pairs = Array.from({ length: nShards }, (_, pair) => pair as SliverPairIndex)
  for (const axis of ['secondary', 'primary'] as const) {
    const refs = pairs.map((pair): SliverRef => ({ pair, axis }))
    const target = refs.find(ref => !equalBytes(sliverHash(metadata, ref), sliverHash(encoded, ref)))
    if (target === undefined) continue
    const slivers = axis === 'secondary' ? primaries : secondaries()
    const symbols = await provenSymbols(codec, metadata, slivers, target, signal)
    return await accusationOf(codec, { metadata, target, symbols, signal })
  }
  return undefined
}
