import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { peerDeadline } from '../deadline.ts'
import { ProtocolError } from '../errors.ts'
import { CIRCUIT } from '../specs.ts'
import { CircuitError } from './errors.ts'
import { createHandshake } from './handshake.ts'
import {
  type CircuitLimit,
  type HopAnswer,
  HopAnswerMessage,
  type HopRequest,
  HopRequestMessage,
  StopAnswerMessage,
  StopRequestMessage,
} from './messages.ts'

/** One end of a circuit. */
export interface CircuitEnd {
  /** who is at the other end, as the relay says: the connection that is made over the circuit proves it */
  readonly peer: PeerId
  readonly stream: Stream
  /** bytes that came already */
  readonly first: Uint8Array
  /** what the relay says that it will carry */
  readonly limit?: CircuitLimit | undefined
  /** of the relay, where it says one: only who has connected hears it */
  readonly stunPort?: number | undefined
  /** the relay says that both have come to it from one address */
  readonly isNear?: boolean | undefined
}

export interface CircuitOptions {
  clock: Clock
  signal?: AbortSignal | undefined
}

/** The time that a handshake gets, or what is left of the caller's. */
const limitOf = ({ clock, signal }: CircuitOptions) => peerDeadline(clock, CIRCUIT.handshakeMs, signal)

/** Asks the relay at the other end of the connection for a reservation. Throws CircuitError and ProtocolError. */
export async function reserveAt(
  relay: Connection,
  options: CircuitOptions,
): Promise<Pick<HopAnswer, 'reservation' | 'loadPermille' | 'stunPort'>> {
  using limit = limitOf(options)
  const { stream, answer } = await ask(relay, { kind: 'reserve' }, options.clock, limit.signal)
  // a relay that goes on is not listened to
  await stream.closeRead({ signal: limit.signal })
  await stream.close({ signal: limit.signal }).catch(error => stream.abort(error))
  if (answer.reservation === undefined) {
    throw new ProtocolError('VIOLATION')
  }
  return answer
}

/** Connects to a peer that has a reservation at the relay. Throws CircuitError and ProtocolError. */
export async function connectThrough(
  relay: Connection,
  peer: PeerId,
  options: CircuitOptions,
): Promise<CircuitEnd> {
  using limit = limitOf(options)
  const { stream, answer, first } = await ask(relay, { kind: 'connect', peer }, options.clock, limit.signal)
  return { peer, stream, first, limit: answer.limit, stunPort: answer.stunPort, isNear: answer.isNear }
}

/**
 * A relay calls on a `stop` stream: reads by whom, and takes the call when `accepts` says so. Resolves to undefined when it was
 * not taken; throws ProtocolError.
 */
export async function receiveCall(
  stream: Stream,
  accepts: (peer: PeerId) => boolean,
  options: CircuitOptions,
): Promise<CircuitEnd | undefined> {
  using limit = limitOf(options)
  const handshake = createHandshake(stream, options.clock)
  try {
    const call = await handshake.read(StopRequestMessage, limit.signal)
    if (!accepts(call.peer)) {
      handshake.write(StopAnswerMessage, { status: 'permission-denied' })
      await handshake.end(limit.signal)
      return undefined
    }
    handshake.write(StopAnswerMessage, { status: 'ok' })
    return { peer: call.peer, stream, first: handshake.release(), limit: call.limit, isNear: call.isNear }
  } catch (error) {
    handshake.release()
    stream.abort(error instanceof Error ? error : new ProtocolError('CLOSED', { cause: error }))
    throw error
  }
}

async function ask(relay: Connection, request: HopRequest, clock: Clock, signal: AbortSignal) {
  const stream = await open(relay, signal)
  const handshake = createHandshake(stream, clock)
  try {
    handshake.write(HopRequestMessage, request)
    const answer = await handshake.read(HopAnswerMessage, signal)
    if (answer.status !== 'ok') throw refusal(answer)
    return { stream, answer, first: handshake.release() }
  } catch (error) {
    handshake.release()
    stream.abort(error instanceof Error ? error : new ProtocolError('CLOSED', { cause: error }))
    throw error
  }
}

async function open(relay: Connection, signal: AbortSignal): Promise<Stream> {
  try {
    return await relay.newStream(CIRCUIT.hop, { signal, maxOutboundStreams: CIRCUIT.streams })
  } catch (cause) {
    signal.throwIfAborted()
    const unsupported = cause instanceof Error && cause.name === 'UnsupportedProtocolError'
    throw new ProtocolError(unsupported ? 'REFUSED' : 'CONNECTION_LOST', { cause })
  }
}

function refusal({ status, reason, retryAfterMs }: HopAnswer): CircuitError {
  if (status === 'no-reservation') {
    return new CircuitError('NO_RESERVATION', 'the peer has no reservation at this relay', {})
  }
  const why = reason === undefined ? status : `${status}, ${reason}`
  return new CircuitError('RELAY_REFUSED', `the relay refused: ${why}`, { status, reason, retryAfterMs })
}
