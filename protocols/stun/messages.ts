/**
 * STUN (RFC 5389) as far as a peer asks what its own address looks like from outside: binding requests and their answers. The
 * same bytes go over UDP and TCP; the header says how long a message is.
 */
import { ipFromBytes, ipToBytes } from '../../base/ip.ts'
import { STUN } from '../specs.ts'

/** Bytes of the header that each message begins with. */
export const STUN_HEADER_BYTES = 20
const TRANSACTION_BYTES = 12
const MAGIC = 0x2112_a442
const REQUEST = 0x0001
const SUCCESS = 0x0101
const XOR_MAPPED_ADDRESS = 0x0020
/** below this an attribute that is not known makes a request one that cannot be answered */
const OPTIONAL_FROM = 0x8000
const FAMILY = { 4: 1, 16: 2 } as const

/** An IP address and a port as a STUN server saw them. */
export interface SeenAddress {
  /** as `ipFromBytes` has it; IPv4 is never mapped into IPv6 */
  ip: string
  port: number
}

/** How long the whole message is, by its header; undefined for what is no STUN, or is longer than a peer may send. */
export function stunLength(header: Uint8Array): number | undefined {
  const view = viewOf(header)
  if (header.length < STUN_HEADER_BYTES || view.getUint32(4) !== MAGIC) return undefined
  const length = STUN_HEADER_BYTES + view.getUint16(2)
  return length % 4 === 0 && length <= STUN.maxRequestBytes ? length : undefined
}

/** `transaction` is 12 random bytes. */
export function encodeStunRequest(transaction: Uint8Array): Uint8Array {
  return header(REQUEST, 0, transaction)
}

/** The transaction of a binding request; undefined when it is not a whole one that can be answered. */
export function decodeStunRequest(message: Uint8Array): Uint8Array | undefined {
  if (stunLength(message) !== message.length || viewOf(message).getUint16(0) !== REQUEST) return undefined
  const attributes = readAttributes(message)
  if (attributes === undefined || [...attributes.keys()].some(type => type < OPTIONAL_FROM)) return undefined
  return message.subarray(8, STUN_HEADER_BYTES)
}

/** Throws a RangeError when `ip` is none. */
export function encodeStunAnswer(transaction: Uint8Array, { ip, port }: SeenAddress): Uint8Array {
  const address = unmapped(ipToBytes(ip))
  if (address === undefined) throw new RangeError(`no IP address: ${ip}`)
  const start = header(SUCCESS, 8 + address.length, transaction)
  const message = new Uint8Array(STUN_HEADER_BYTES + 8 + address.length)
  message.set(start)
  const view = viewOf(message)
  view.setUint16(20, XOR_MAPPED_ADDRESS)
  view.setUint16(22, 4 + address.length)
  message[25] = FAMILY[address.length as 4 | 16]
  view.setUint16(26, port ^ (MAGIC >>> 16))
  message.set(masked(address, start), 28)
  return message
}

/** What the server saw; undefined for what is not the whole answer to this transaction. */
export function decodeStunAnswer(message: Uint8Array, transaction: Uint8Array): SeenAddress | undefined {
  if (stunLength(message) !== message.length || viewOf(message).getUint16(0) !== SUCCESS) return undefined
  if (transaction.some((byte, i) => message[8 + i] !== byte)) return undefined
  const value = readAttributes(message)?.get(XOR_MAPPED_ADDRESS)
  const size = value && value.length - 4
  if (value === undefined || (size !== 4 && size !== 16) || value[1] !== FAMILY[size]) return undefined
  const port = viewOf(value).getUint16(2) ^ (MAGIC >>> 16)
  return { ip: ipFromBytes(unmapped(masked(value.subarray(4), message))!), port }
}

function header(type: number, length: number, transaction: Uint8Array): Uint8Array {
  if (transaction.length !== TRANSACTION_BYTES) throw new RangeError('a transaction has 12 bytes')
  const bytes = new Uint8Array(STUN_HEADER_BYTES)
  const view = viewOf(bytes)
  view.setUint16(0, type)
  view.setUint16(2, length)
  view.setUint32(4, MAGIC)
  bytes.set(transaction, 8)
  return bytes
}

/** By their types, the first of each; undefined when they do not fill the message exactly. */
function readAttributes(message: Uint8Array): Map<number, Uint8Array> | undefined {
  const found = new Map<number, Uint8Array>()
  const view = viewOf(message)
  let at = STUN_HEADER_BYTES
  while (at + 4 <= message.length) {
    const type = view.getUint16(at)
    const length = view.getUint16(at + 2)
    const end = at + 4 + length
    if (end > message.length) return undefined
    if (!found.has(type)) found.set(type, message.subarray(at + 4, end))
    at = end + ((4 - (length % 4)) % 4)
  }
  return at === message.length ? found : undefined
}

/** With magic and transaction, so that no router on the way rewrites what looks like its own address. */
function masked(address: Uint8Array, message: Uint8Array): Uint8Array {
  return address.map((byte, i) => byte ^ message[4 + i]!)
}

/** A socket that takes both kinds has IPv4 mapped into IPv6. */
function unmapped(address: Uint8Array | undefined): Uint8Array | undefined {
  if (address?.length !== 16) return address
  const isMapped =
    address.subarray(0, 10).every(byte => byte === 0) && address[10] === 0xff && address[11] === 0xff
  return isMapped ? address.slice(12) : address
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
