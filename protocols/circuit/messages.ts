/**
 * The messages of circuit relay v2, as libp2p's specification has them: `hop` between a relay and those who ask it, `stop`
 * between a relay and the peer that is called. Why a relay refuses, and when to come back, stands in fields that others
 * pass over.
 */
import type { PeerId } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import { ProtocolError } from '../errors.ts'
import { CIRCUIT, STUN } from '../specs.ts'
import type { Message } from '../wire.ts'
import { type ProtobufFields, readProtobuf, writeProtobuf } from './protobuf.ts'

/** What a peer asks of a relay. */
export type HopRequest = { kind: 'reserve' } | { kind: 'connect'; peer: PeerId }

/** What a relay asks of the peer that holds a reservation: it is called by `peer`. */
export interface StopRequest {
  peer: PeerId
  limit?: CircuitLimit | undefined
  /** of Floe's relays: both have come to it from one address (IPv6: one /64) */
  isNear?: boolean | undefined
}

/** What a relay says that it will carry; absent or 0: it says nothing. */
export interface CircuitLimit {
  durationSeconds?: number | undefined
  dataBytes?: number | undefined
}

const STATUSES = {
  ok: 100,
  'reservation-refused': 200,
  'resource-limit-exceeded': 201,
  'permission-denied': 202,
  'connection-failed': 203,
  'no-reservation': 204,
  malformed: 400,
  unexpected: 401,
} as const

/** How a request ended, by the name of its status of circuit v2. */
export type CircuitStatus = keyof typeof STATUSES

/**
 * Why a relay refuses, in the order of their numbers on the wire, from 1. `full`: no place at all; `address`, `source`,
 * `target`: none for that IP address, for who asks, for who is called; `denied`: by the operator's lists; `month`: its bytes are
 * used up; `memory`: it is short of it; `rate`: asked too often; `stopping`: it ends.
 */
export const CIRCUIT_REASONS = [
  'full',
  'address',
  'source',
  'target',
  'denied',
  'month',
  'memory',
  'rate',
  'stopping',
] as const

/** One of CIRCUIT_REASONS. */
export type CircuitReason = (typeof CIRCUIT_REASONS)[number]

/** A relay's answer. */
export interface HopAnswer {
  status: CircuitStatus
  reservation?: { expiresAtSeconds: number; addresses: Uint8Array[] } | undefined
  limit?: CircuitLimit | undefined
  /** of Floe's relays: why it refuses, and after how many ms to ask again */
  reason?: CircuitReason | undefined
  retryAfterMs?: number | undefined
  /** of Floe's relays: the share of their bytes per second that is in use, 0 to 1,000 */
  loadPermille?: number | undefined
  /** of Floe's relays, when they grant: where they tell peers how they look from outside, over UDP and TCP; from STUN.leastPort up */
  stunPort?: number | undefined
  /** of Floe's relays, to who has connected: both have come to it from one address (IPv6: one /64) */
  isNear?: boolean | undefined
}

const REQUEST = { reserve: 0, connect: 1, status: 2 } as const
const STOP = { connect: 0, status: 1 } as const
/** Far from whatever the specification may add. */
const OWN = { reason: 1000, retryAfterMs: 1001, loadPermille: 1002, stunPort: 1003, isNear: 1004 } as const
const MAX_ADDRESSES = 16
const MAX_RETRY_MS = 0xffff_ffff

/** A request to a relay on the wire: protobuf of circuit v2, read exactly. */
export const HopRequestMessage: Message<HopRequest> = {
  encode: request =>
    request.kind === 'reserve'
      ? writeProtobuf([[1, REQUEST.reserve]])
      : writeProtobuf([
          [1, REQUEST.connect],
          [2, encodePeer(request.peer)],
        ]),
  /** Throws MALFORMED, and VIOLATION for a message of another kind. */
  decode(bytes) {
    const fields = readMessage(bytes)
    const type = fields.number(1)
    if (type === REQUEST.reserve) return { kind: 'reserve' }
    if (type === REQUEST.connect) return { kind: 'connect', peer: decodePeer(fields.bytes(2)) }
    throw new ProtocolError(type === REQUEST.status ? 'VIOLATION' : 'MALFORMED')
  },
}

/** A relay's answer on the wire; what is our own stands in fields that others pass over. */
export const HopAnswerMessage: Message<HopAnswer> = {
  encode: answer =>
    writeProtobuf([
      [1, REQUEST.status],
      [3, answer.reservation && encodeReservation(answer.reservation)],
      [4, answer.limit && encodeLimit(answer.limit)],
      [5, STATUSES[answer.status]],
      [OWN.reason, answer.reason && CIRCUIT_REASONS.indexOf(answer.reason) + 1],
      [OWN.retryAfterMs, answer.retryAfterMs && Math.min(Math.ceil(answer.retryAfterMs), MAX_RETRY_MS)],
      [OWN.loadPermille, answer.loadPermille],
      [OWN.stunPort, answer.stunPort],
      [OWN.isNear, answer.isNear ? 1 : undefined],
    ]),
  decode(bytes) {
    const fields = readMessage(bytes)
    expectType(fields, REQUEST.status)
    const reservation = fields.bytes(3)
    // a reason of a later version is none that we know
    const reason = CIRCUIT_REASONS[(fields.number(OWN.reason) ?? 0) - 1]
    return {
      status: decodeStatus(fields.number(5)),
      reservation: reservation && decodeReservation(reservation),
      limit: decodeLimit(fields.bytes(4)),
      reason,
      retryAfterMs: atMost(fields.number(OWN.retryAfterMs), MAX_RETRY_MS),
      loadPermille: atMost(fields.number(OWN.loadPermille), 1000),
      stunPort: decodePort(fields.number(OWN.stunPort)),
      isNear: decodeFlag(fields.number(OWN.isNear)),
    }
  },
}

/** What a relay asks of the one who is to be reached. */
export const StopRequestMessage: Message<StopRequest> = {
  encode: ({ peer, limit, isNear }) =>
    writeProtobuf([
      [1, STOP.connect],
      [2, encodePeer(peer)],
      [3, limit && encodeLimit(limit)],
      [OWN.isNear, isNear ? 1 : undefined],
    ]),
  decode(bytes) {
    const fields = readMessage(bytes)
    expectType(fields, STOP.connect)
    return {
      peer: decodePeer(fields.bytes(2)),
      limit: decodeLimit(fields.bytes(3)),
      isNear: decodeFlag(fields.number(OWN.isNear)),
    }
  },
}

/** The answer of the one who is to be reached. */
export const StopAnswerMessage: Message<{ status: CircuitStatus }> = {
  encode: ({ status }) =>
    writeProtobuf([
      [1, STOP.status],
      [4, STATUSES[status]],
    ]),
  decode(bytes) {
    const fields = readMessage(bytes)
    expectType(fields, STOP.status)
    return { status: decodeStatus(fields.number(4)) }
  },
}

function readMessage(bytes: Uint8Array): ProtobufFields {
  if (bytes.length > CIRCUIT.maxMessageBytes) {
    throw new ProtocolError('TOO_LARGE', {
      details: { limitBytes: CIRCUIT.maxMessageBytes, actualBytes: bytes.length },
    })
  }
  return readProtobuf(bytes)
}

function expectType(fields: ProtobufFields, type: number): void {
  const found = fields.number(1)
  if (found !== type) throw new ProtocolError(found === undefined ? 'MALFORMED' : 'VIOLATION')
}

function decodeStatus(value: number | undefined): CircuitStatus {
  const [status] = Object.entries(STATUSES).find(([, number]) => number === value) ?? []
  if (status === undefined) throw new ProtocolError('MALFORMED')
  return status as CircuitStatus
}

function atMost(value: number | undefined, limit: number): number | undefined {
  if (value !== undefined && value > limit) throw new ProtocolError('MALFORMED')
  return value
}

/** Either it is there, as 1, or not at all. */
function decodeFlag(value: number | undefined): true | undefined {
  if (value !== undefined && value !== 1) throw new ProtocolError('MALFORMED')
  return value && true
}

function decodePort(value: number | undefined): number | undefined {
  if (value !== undefined && value < STUN.leastPort) throw new ProtocolError('MALFORMED')
  return atMost(value, 0xffff)
}

const encodeLimit = ({ durationSeconds, dataBytes }: CircuitLimit): Uint8Array =>
  writeProtobuf([
    [1, durationSeconds],
    [2, dataBytes],
  ])

function decodeLimit(bytes: Uint8Array | undefined): CircuitLimit | undefined {
  if (bytes === undefined) return undefined
  const fields = readProtobuf(bytes)
  return { durationSeconds: fields.number(1), dataBytes: fields.number(2) }
}

const encodeReservation = ({ expiresAtSeconds, addresses }: NonNullable<HopAnswer['reservation']>) =>
  writeProtobuf([[1, expiresAtSeconds], ...addresses.map(address => [2, address] as const)])

function decodeReservation(bytes: Uint8Array): NonNullable<HopAnswer['reservation']> {
  const fields = readProtobuf(bytes)
  const expiresAtSeconds = fields.number(1)
  const addresses = fields.all(2)
  if (expiresAtSeconds === undefined || addresses.length > MAX_ADDRESSES) throw new ProtocolError('MALFORMED')
  return { expiresAtSeconds, addresses }
}

const encodePeer = (peer: PeerId): Uint8Array => writeProtobuf([[1, peer.toMultihash().bytes]])

const IDENTITY = 0x00
const SHA_256 = 0x12
const MAX_MULTIHASH_BYTES = 64

function decodePeer(bytes: Uint8Array | undefined): PeerId {
  const multihash = bytes && readProtobuf(bytes).bytes(1)
  const [code = -1, size = -1] = multihash ?? []
  if (multihash === undefined || multihash.length > MAX_MULTIHASH_BYTES || multihash.length !== 2 + size) {
    throw new ProtocolError('MALFORMED')
  }
  if (code !== IDENTITY && code !== SHA_256) throw new ProtocolError('MALFORMED')
  // a view would keep the whole message in memory as long as the PeerId
  const own = multihash.slice()
  let peer: PeerId
  try {
    peer = peerIdFromMultihash({ code, size, digest: own.subarray(2), bytes: own })
  } catch (cause) {
    throw new ProtocolError('MALFORMED', { cause })
  }
  // what is no key the library takes for a web server
  if (peer.type === 'url') throw new ProtocolError('MALFORMED')
  return peer
}
