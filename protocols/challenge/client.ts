import type { Confirmation } from '../../codec/types.ts'
import { peerDeadline } from '../deadline.ts'
import { ProtocolError } from '../errors.ts'
import type { AbortOptions, ChallengeProof, ChallengeQuery } from '../ports.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'
import { challengeLimitMs, SPECS } from '../specs.ts'
import { ChallengeAnswer, ChallengeAttempt, ChallengeRequest } from './messages.ts'

const spec = SPECS.challenge

/**
 * Shows a node the proofs that it asks for in a round; gives what it has signed, which is not verified. Throws ProtocolError:
 * CHALLENGE_FAILED with the number of the proof that did not hold, NO_ROUND, NOT_A_MEMBER; or the signal's reason.
 *
 * @param proofs in the order of the questions, as many as both sides count
 */
export async function proveHeld(
  pool: StreamPool,
  peer: PeerAddress,
  query: ChallengeQuery,
  proofs: readonly ChallengeProof[],
  { signal }: AbortOptions = {},
): Promise<{ signed: Confirmation; sentBytes: number }> {
  const answering = { signal, timeoutMs: spec.responseTimeoutMs }
  const { lease, first } = await beginRequest(pool, peer, signal, async stream => {
    await stream.send(ChallengeRequest, query, { signal, timeoutMs: spec.chunkTimeoutMs })
    return stream.receive(ChallengeAnswer, answering)
  })
  try {
    if ('Passed' in first) {
      lease.release()
      return { signed: first.Passed, sentBytes: 0 }
    }
    if (first.Ready !== proofs.length) throw new ProtocolError('VIOLATION')
    using limit = peerDeadline(pool.clock, challengeLimitMs(proofs.length), signal)
    // it may refuse at any proof, and does not wait for the last one
    const answer = lease.stream.receive(ChallengeAnswer, { signal: limit.signal })
    let isRefused = false
    answer.catch(() => {
      isRefused = true
    })
    const sending = { signal: limit.signal, timeoutMs: spec.chunkTimeoutMs }
    for (const proof of proofs) {
      if (isRefused) break
      await lease.stream.send(ChallengeAttempt, proof, sending)
    }
    const last = await answer
    if (!('Passed' in last)) throw new ProtocolError('VIOLATION')
    lease.release()
    return { signed: last.Passed, sentBytes: proofs.reduce((sum, { bytes }) => sum + bytes.length, 0) }
  } catch (error) {
    lease.discard(error)
    throw error
  }
}
