import { equalBytes } from '../../../base/bytes.ts'
import {
  type Codec,
  type EncodedBlob,
  encodeInconsistencyProof,
  encodingParams,
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
  slivers: Iterable<SliverBytes>,
  target: SliverRef,
  signal: AbortSignal,
): Promise<ProvenSymbol[]> {
  const symbols: ProvenSymbol[] = []
  for (const { ref: source, bytes } of slivers) {
    const crossing = { metadata, source, bytes, targets: [target], proofs: true, signal }
    symbols.push(...(await codec.recoverySymbols(crossing)))
  }
  return symbols
}

/**
 * From primary slivers, each right by itself, and the blob that they decode to, encoded anew: it is not the one that the metadata
 * commits to. Where a secondary sliver differs, the primary ones prove it; where none does, the secondary ones prove it of a
 * primary one. Undefined when all agree: then the blob has something behind its end, which no sliver refutes.
 */
export async function accusationOfDecoded(
  codec: Pick<Codec, 'proveInconsistency' | 'recoverySymbols'>,
  metadata: BlobMetadata,
  primaries: readonly SliverBytes[],
  blob: EncodedBlob,
  signal: AbortSignal,
): Promise<Accusation | undefined> {
  const { nShards } = metadata
  const pairs = Array.from({ length: nShards }, (_, pair) => pair as SliverPairIndex)
  for (const axis of ['secondary', 'primary'] as const) {
    const refs = pairs.map((pair): SliverRef => ({ pair, axis }))
    const target = refs.find(ref => !equalBytes(sliverHash(metadata, ref), sliverHash(blob.metadata, ref)))
    if (target === undefined) continue
    const slivers = axis === 'secondary' ? primaries : secondariesOf(blob)
    const symbols = await provenSymbols(codec, metadata, slivers, target, signal)
    return await accusationOf(codec, { metadata, target, symbols, signal })
  }
  return undefined
}

/** As many as recover a primary one. */
function secondariesOf(blob: EncodedBlob): SliverBytes[] {
  const { secondarySymbols } = encodingParams(blob.metadata.nShards)
  return Array.from({ length: secondarySymbols }, (_, pair) => {
    const ref: SliverRef = { pair: pair as SliverPairIndex, axis: 'secondary' }
    return { ref, bytes: blob.view(ref) }
  })
}
