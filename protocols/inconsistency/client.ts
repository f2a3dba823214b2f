import type { Axis, BlobMetadata, Confirmation } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { AbortOptions } from '../ports.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'
import { SPECS } from '../specs.ts'
import { writeBody } from '../stream/body.ts'
import { InconsistencyAnswer, InconsistencyRequest } from './messages.ts'

/** That a blob was encoded wrongly. */
export interface Accusation {
  metadata: BlobMetadata
  /** of the sliver that the proof is about */
  axis: Axis
  /** BCS of the inconsistency proof */
  proof: Uint8Array
}

const spec = SPECS.inconsistency

/**
 * What a node signs once it has seen for itself that the blob was encoded wrongly, not verified, and whether it had to be sent
 * the proof for that. Throws ProtocolError, or the signal's reason.
 */
export async function proveInconsistent(
  pool: StreamPool,
  peer: PeerAddress,
  { metadata, axis, proof }: Accusation,
  { signal }: AbortOptions = {},
): Promise<{ attestation: Confirmation; sentBytes: number }> {
  const sending = { signal, timeoutMs: spec.chunkTimeoutMs }
  const answering = { signal, timeoutMs: spec.responseTimeoutMs }
  const { lease, first } = await beginRequest(pool, peer, signal, async stream => {
    await stream.send(InconsistencyRequest, { metadata, axis, proofBytes: proof.length }, sending)
    return stream.receive(InconsistencyAnswer, answering)
  })
  try {
    let answer = first
    if ('Send' in first) {
      await writeBody(lease.stream.channel.writer, proof, sending)
      answer = await lease.stream.receive(InconsistencyAnswer, answering)
    }
    if (!('Attested' in answer)) throw new ProtocolError('VIOLATION')
    lease.release()
    return { attestation: answer.Attested, sentBytes: 'Send' in first ? proof.length : 0 }
  } catch (error) {
    lease.discard(error)
    throw error
  }
}
