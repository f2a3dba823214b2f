import assert from 'node:assert/strict'
import type { Engine } from '../../../codec/host/engine.ts'
import {
  type Axis,
  type Codec,
  CodecError,
  decodeInconsistencyProof,
  type EncodedBlob,
  encodeInconsistencyProof,
  type ProvenSymbol,
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
  try {
    const decoded = decodeInconsistencyProof(altered, axis, n)
    await codec.verifyInconsistencyProof({ metadata, proof: decoded })
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    assert.ok(['MALFORMED', 'PROOF_INVALID'].includes(error.code), error.code)
    return
  }
  assert.fail(`a proof with byte ${at} altered was verified`)
}
