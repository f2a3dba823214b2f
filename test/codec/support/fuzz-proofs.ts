import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { Engine } from '../../../codec/host/engine.ts'
import {
  type Axis,
  type BlobMetadata,
  type Codec,
  CodecError,
  decodeInconsistencyProof,
  type EncodedBlob,
  encodeInconsistencyProof,
  type InconsistencyProof,
  type ProvenSymbol,
  sliverHash,
  sliverRef,
} from '../../../codec/index.ts'
import { cheatingMetadata } from './cheat.ts'
import { enough, ref, sample, sliversOf } from './data.ts'

/**
 * An encoder that cheats about one sliver is found out by whoever recovers it, and the proof holds for that blob alone,
 * as it is and not otherwise.
 */
export async function provesCheating(
  engine: Engine,
  codec: Codec,
  random: (below: number) => number,
  blob: EncodedBlob,
  axis: Axis,
): Promise<void> {
  const n = blob.metadata.nShards
  const target = ref(random(n), axis)
  const metadata = await cheatingMetadata(engine, blob.metadata, target)
  const other = axis === 'primary' ? 'secondary' : 'primary'
  const symbols: ProvenSymbol[] = []
  for (const { ref: source, bytes } of sliversOf(blob, other, sample(random, n, enough(n, other)))) {
    symbols.push(
      ...(await codec.recoverySymbols({ metadata, source, bytes, targets: [target], proofs: true })),
    )
  }
  await assert.rejects(codec.recoverSliver({ metadata, target, symbols }), { code: 'SLIVER_MISMATCH' })
  const proof = await codec.proveInconsistency({ metadata, target, symbols })
  const bytes = encodeInconsistencyProof(proof, n)
  await codec.verifyInconsistencyProof({ metadata, proof: decodeInconsistencyProof(bytes, axis, n) })

  await assert.rejects(codec.verifyInconsistencyProof({ metadata: blob.metadata, proof }), {
    code: 'PROOF_INVALID',
  })
  const at = random(bytes.length)
  const altered = bytes.with(at, bytes[at]! ^ (1 << random(8)))
  let decoded: InconsistencyProof
  try {
    decoded = decodeInconsistencyProof(altered, axis, n)
    await codec.verifyInconsistencyProof({ metadata, proof: decoded })
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    assert.ok(['MALFORMED', 'PROOF_INVALID'].includes(error.code), error.code)
    return
  }
  assert.ok(isAsTrue(metadata, proof, decoded), `a proof with byte ${at} altered was verified`)
}

/** Sources with one hash are alike, such as columns of zeros: the same symbol of another one of them proves the same. */
function isAsTrue(metadata: BlobMetadata, proof: InconsistencyProof, altered: InconsistencyProof): boolean {
  const { nShards } = metadata
  const axis = proof.target.axis === 'primary' ? 'secondary' : 'primary'
  const hashes = ({ symbols }: InconsistencyProof) =>
    symbols.map(({ index, ...symbol }) => ({
      ...symbol,
      source: sliverHash(metadata, sliverRef(index, axis, nShards)),
    }))
  const isDistinct = new Set(altered.symbols.map(({ index }) => index)).size === altered.symbols.length
  return isDistinct && isDeepStrictEqual([altered.target, hashes(altered)], [proof.target, hashes(proof)])
}
