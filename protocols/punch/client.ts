import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { type ClientStream, openClientStream } from '../rpc/client-stream.ts'
import type { NetworkIdentity } from '../rpc/components.ts'
import { SPECS } from '../specs.ts'
import { PunchAnswer, type PunchCandidate, PunchOffer, PunchPong, PunchStepMessage } from './messages.ts'

const spec = SPECS.punch

/** What two peers have agreed on. `close` or `abort` it. */
export interface PunchAgreement {
  /** where the other side may be met, by its own word */
  readonly candidates: readonly PunchCandidate[]
  /** over the relay, in ms */
  readonly roundTripMs: number
  /** Tells the other side to begin. It hears so after half a round trip. */
  go(): Promise<void>
  /** The peers have met. Leaves the other side the time to notice, and never rejects. */
  close(): Promise<void>
  /** They have not: what the other side does ends. */
  abort(error: unknown): void
}

/**
 * Offers the peer at the other end of a relayed connection to meet it. Throws ProtocolError (BUSY: not now, NOT_AUTHORIZED: the
 * connection is no relayed one), or the signal's reason.
 */
export async function agreeToPunch(
  connection: Connection,
  candidates: readonly PunchCandidate[],
  { network, clock, signal }: NetworkIdentity & { clock: Clock; signal?: AbortSignal | undefined },
): Promise<PunchAgreement> {
  const stream = await openClientStream(connection, spec, network, clock, signal)
  try {
    const limits = { signal, timeoutMs: spec.responseTimeoutMs }
    await stream.send(PunchOffer, [...candidates], limits)
    const theirs = await stream.receive(PunchAnswer, limits)
    const roundTripMs = await measure(stream, clock, signal)
    return {
      candidates: theirs,
      roundTripMs,
      go: () => stream.send(PunchStepMessage, { Go: roundTripMs }, limits),
      async close() {
        await stream.channel.close({ timeoutMs: spec.idleTimeoutMs })
        stream.channel.reader.detach()
      },
      abort: error => stream.destroy(error),
    }
  } catch (error) {
    stream.destroy(error)
    throw error
  }
}

/** A ping of its own: the answer before includes the other side's look at its own addresses. */
async function measure(stream: ClientStream, clock: Clock, signal: AbortSignal | undefined): Promise<number> {
  const sentAt = clock.monotonic()
  const limits = { signal, timeoutMs: spec.chunkTimeoutMs }
  await stream.send(PunchStepMessage, { Ping: true }, limits)
  await stream.receive(PunchPong, limits)
  return Math.min(Math.round(clock.monotonic() - sentAt), 0xffff)
}
