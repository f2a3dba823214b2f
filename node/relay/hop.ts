import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { createRates } from '../../base/rates.ts'
import {
  addressOf,
  CIRCUIT,
  type CircuitReason,
  type CircuitStatus,
  createHandshake,
  type Handshake,
  HopAnswerMessage,
  type HopRequest,
  HopRequestMessage,
  ProtocolError,
  peerDeadline,
  StopAnswerMessage,
  StopRequestMessage,
} from '../../protocols/index.ts'
import { type Access, mayUse } from './access.ts'
import type { Circuit, Circuits } from './circuits.ts'
import { RELAY, RETRY_MS } from './limits.ts'
import { pump } from './pump.ts'
import type { Reservation, Reservations } from './reservations.ts'

/** What answers on `hop` needs of the relay. */
export interface HopInit {
  reservations: Reservations
  circuits: Circuits
  access: () => Access
  isMember: (peer: string) => boolean
  /** of this relay, for those who reserve: where it is reached, in bytes */
  addresses: () => Uint8Array[]
  /** Why no more circuits are made for now, and for how many ms; undefined: they are. */
  closedFor: () => { reason: CircuitReason; retryAfterMs: number } | undefined
  load: () => number
  /** of STUN; undefined: it is not told */
  stunPort: number | undefined
  /** Bytes have moved; for how many ms the source is to rest. */
  moved: (circuit: Circuit, sourceAddress: string, bytes: number) => number
  paused: () => void
  granted: (what: 'reservations' | 'circuits') => void
  refused: (reason: CircuitReason) => void
  clock: Clock
}

/** Answers a stream on circuit relay's `hop`. Never rejects. */
export function createHopHandler(init: HopInit): (stream: Stream, connection: Connection) => Promise<void> {
  const { clock } = init
  const asks = createRates({
    perSecond: RELAY.asksPerSecond,
    burst: RELAY.askBurst,
    remembered: RELAY.remembered,
    now: () => clock.monotonic(),
  })
  return async (stream, connection) => {
    const handshake = createHandshake(stream, clock)
    using limit = peerDeadline(clock, CIRCUIT.handshakeMs)
    const { signal } = limit
    try {
      const request = await handshake.read(HopRequestMessage, signal)
      const hop: Hop = { init, handshake, connection, signal }
      const reason = mayAsk(hop, asks.tryTake(addressOf(connection.remoteAddr)))
      if (reason !== undefined) await refuse(hop, request, reason)
      else if (request.kind === 'reserve') await reserve(hop)
      else await connect(hop, request.peer)
    } catch (error) {
      await fail(handshake, error, signal)
    }
  }
}

interface Hop {
  init: HopInit
  handshake: Handshake
  connection: Connection
  signal: AbortSignal
}

const STATUSES: Partial<Record<CircuitReason, CircuitStatus>> = { denied: 'permission-denied' }

function mayAsk({ init, connection }: Hop, inTime: boolean): CircuitReason | undefined {
  if (!mayUse(init.access(), connection, init.isMember)) return 'denied'
  return inTime ? undefined : 'rate'
}

async function refuse(
  { init, handshake, signal }: Hop,
  { kind }: Pick<HopRequest, 'kind'>,
  reason: CircuitReason,
  retryAfterMs: number = RETRY_MS[reason as keyof typeof RETRY_MS] ?? RETRY_MS.full,
): Promise<void> {
  init.refused(reason)
  const status = STATUSES[reason] ?? (kind === 'reserve' ? 'reservation-refused' : 'resource-limit-exceeded')
  handshake.write(HopAnswerMessage, { status, reason, retryAfterMs })
  await handshake.end(signal)
}

async function reserve(hop: Hop): Promise<void> {
  const { init, handshake, connection, signal } = hop
  const closed = init.closedFor()
  if (closed !== undefined) return refuse(hop, { kind: 'reserve' }, closed.reason, closed.retryAfterMs)
  const peer = connection.remotePeer.toString()
  const made = init.reservations.reserve(peer, addressOf(connection.remoteAddr), connection)
  if (typeof made === 'string') return refuse(hop, { kind: 'reserve' }, made)
  init.granted('reservations')
  const expiresAtSeconds = Math.floor((init.clock.now() + RELAY.reservationMs) / 1000)
  handshake.write(HopAnswerMessage, {
    status: 'ok',
    reservation: { expiresAtSeconds, addresses: init.addresses() },
    loadPermille: Math.round(init.load() * 1000),
    stunPort: init.stunPort,
  })
  await handshake.end(signal)
}

/** For a member that may come back, as long as the caller stays; false when too many wait. */
async function awaitMember({ init, handshake, connection, signal }: Hop, peer: string): Promise<boolean> {
  const { stream } = handshake
  const left = new AbortController()
  const leave = (): void => left.abort(new Error('the caller has left'))
  stream.addEventListener('close', leave)
  try {
    if (stream.status !== 'open') leave()
    const address = addressOf(connection.remoteAddr)
    return await init.reservations.cameBack(peer, address, AbortSignal.any([signal, left.signal]))
  } finally {
    stream.removeEventListener('close', leave)
  }
}

async function connect(hop: Hop, to: PeerId): Promise<void> {
  const { init, handshake, connection } = hop
  const { reservations } = init
  const peer = to.toString()
  const isFull = reservations.of(peer) === undefined && !(await awaitMember(hop, peer))
  if (isFull) return refuse(hop, { kind: 'connect' }, 'full')
  const closed = init.closedFor()
  if (closed !== undefined) return refuse(hop, { kind: 'connect' }, closed.reason, closed.retryAfterMs)
  const target = reservations.of(peer)
  if (target === undefined) {
    handshake.write(HopAnswerMessage, { status: 'no-reservation' })
    return handshake.end(hop.signal)
  }
  const circuit = init.circuits.take({ connection, address: addressOf(connection.remoteAddr) }, target.peer)
  if (typeof circuit === 'string') return refuse(hop, { kind: 'connect' }, circuit)
  target.circuits++
  const leave = (): void => {
    init.circuits.leave(circuit)
    target.circuits--
    target.idleSince = init.clock.monotonic()
  }
  // until there is somebody to take it, what comes stays in the window
  if (handshake.stream.readStatus === 'readable') handshake.stream.pause()
  const ended = new AbortController()
  circuit.abort = error => ended.abort(error)
  const called = await call({ ...hop, signal: AbortSignal.any([hop.signal, ended.signal]) }, target)
  if (called !== undefined && !ended.signal.aborted)
    return join(hop, circuit, { called, isNear: areNear(connection, target) }, leave)
  leave()
  called?.release()
  called?.stream.abort(ended.signal.reason)
  ended.signal.throwIfAborted()
  handshake.write(HopAnswerMessage, { status: 'connection-failed' })
  return handshake.end(hop.signal)
}

/** Calls the peer that has the reservation; undefined when it does not answer, or does not take the call. */
async function call({ init, connection, signal }: Hop, target: Reservation): Promise<Handshake | undefined> {
  let called: Handshake | undefined
  try {
    const stream = await target.connection.newStream(CIRCUIT.stop, {
      signal,
      maxOutboundStreams: CIRCUIT.streams,
    })
    called = createHandshake(stream, init.clock)
    called.write(StopRequestMessage, { peer: connection.remotePeer, isNear: areNear(connection, target) })
    const { status } = await called.read(StopAnswerMessage, signal)
    if (status === 'ok') return called
    throw new ProtocolError('REFUSED')
  } catch (error) {
    called?.release()
    called?.stream.abort(error instanceof Error ? error : new ProtocolError('CLOSED', { cause: error }))
    return undefined
  }
}

/** Whether both have come from one address: peers say so, and nobody but their relay can tell whether it is true. */
const areNear = (connection: Connection, target: Reservation): boolean =>
  addressOf(connection.remoteAddr) === addressOf(target.connection.remoteAddr)

/** From here on the two streams are one. */
function join(
  { init, handshake, connection }: Hop,
  circuit: Circuit,
  { called, isNear }: { called: Handshake; isNear: boolean },
  leave: () => void,
) {
  const [source, target] = [handshake.stream, called.stream]
  let open = 2
  const closed = (): void => {
    open--
    if (open === 0) leave()
  }
  for (const stream of [source, target]) {
    if (stream.status === 'open') stream.addEventListener('close', closed, { once: true })
    else closed()
  }
  circuit.abort = error => {
    source.abort(error)
    target.abort(error)
  }
  init.granted('circuits')
  const { stunPort } = init
  if (source.status === 'open') handshake.write(HopAnswerMessage, { status: 'ok', stunPort, isNear })
  const address = addressOf(connection.remoteAddr)
  const { clock, paused } = init
  const moved = (bytes: number): number => init.moved(circuit, address, bytes)
  pump({ source: target, target: source, first: called.release(), moved, paused, clock })
  pump({ source, target, first: handshake.release(), moved, paused, clock })
}

async function fail(handshake: Handshake, error: unknown, signal: AbortSignal): Promise<void> {
  const { stream } = handshake
  const code = error instanceof ProtocolError ? error.code : undefined
  try {
    if (code === 'MALFORMED' || code === 'VIOLATION') {
      handshake.write(HopAnswerMessage, { status: code === 'MALFORMED' ? 'malformed' : 'unexpected' })
      await handshake.end(signal)
      return
    }
  } catch {
    // it is reset below
  }
  handshake.release()
  stream.abort(error instanceof Error ? error : new ProtocolError('CLOSED', { cause: error }))
}
