import { defined } from '../base/defined.ts'
import { expectBytes } from './bytes.ts'
import { CodecError, invalidArgument } from './errors.ts'
import type { BlobId, ObjectId } from './types.ts'

const BLOB_ID_LENGTH = 32
const BLOB_ID_TEXT = /^[A-Za-z0-9_-]{43}$/
const OBJECT_ID_TEXT = /^0x[0-9a-fA-F]{1,64}$/
const U256_LIMIT = 1n << 256n

/**
 * Reads a blob ID; throws INVALID_ID unless it is the canonical text of 32 bytes. Of the same bytes in another form (the
 * u256 that Sui shows, hex, other base64) the error names the blob ID.
 */
export function parseBlobId(text: string): BlobId {
  if (typeof text !== 'string' || !BLOB_ID_TEXT.test(text)) {
    const [form, meant] = otherForm(String(text)) ?? []
    const hint = meant === undefined ? '' : `; this is ${form}, which stands for ${meant}`
    throw new CodecError(
      'INVALID_ID',
      `a blob ID has 43 characters of URL-safe base64${hint}`,
      defined({ meant }),
    )
  }
  // 43 characters carry 258 bits: with the two spare ones set, a second text would name the same blob
  if (toText(fromText(text)) !== text) {
    throw new CodecError('INVALID_ID', `no blob ID ends in "${text.at(-1)}": it was mistyped`, {})
  }
  return text as BlobId
}

/** The blob ID of 32 bytes. */
export function blobIdFromBytes(bytes: Uint8Array): BlobId {
  return toText(expectBytes(bytes, BLOB_ID_LENGTH, 'blob ID')) as BlobId
}

/** The 32 bytes of a blob ID. */
export function blobIdToBytes(id: BlobId): Uint8Array {
  return fromText(id)
}

/** A blob ID as Move has it: the 32 bytes as a little-endian u256. */
export function blobIdToU256(id: BlobId): bigint {
  return blobIdToBytes(id).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** The blob ID whose 32 bytes are this number in little-endian order, as Sui shows it. Throws INVALID_ARGUMENT. */
export function blobIdFromU256(value: bigint): BlobId {
  if (value < 0n || value >= U256_LIMIT) throw invalidArgument('u256', value)
  const bytes = new Uint8Array(BLOB_ID_LENGTH)
  let rest = value
  for (let i = 0; i < BLOB_ID_LENGTH; i++) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return blobIdFromBytes(bytes)
}

/** Reads a Sui object ID or address; short forms such as `0x6` are filled up with zeros. Throws INVALID_ID. */
export function parseObjectId(text: string): ObjectId {
  if (typeof text !== 'string' || !OBJECT_ID_TEXT.test(text)) {
    throw new CodecError('INVALID_ID', 'not a Sui object ID: 0x and up to 64 hex digits are expected', {})
  }
  return `0x${text.slice(2).toLowerCase().padStart(64, '0')}` as ObjectId
}

/** The object ID of 32 bytes. */
export function objectIdFromBytes(bytes: Uint8Array): ObjectId {
  const hex = Array.from(expectBytes(bytes, 32, 'object ID'), byte => byte.toString(16).padStart(2, '0'))
  return `0x${hex.join('')}` as ObjectId
}

/** The 32 bytes of an object ID. */
export function objectIdToBytes(id: ObjectId): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(id.slice(2 + 2 * i, 4 + 2 * i), 16))
}

/** What else 32 bytes are written as by Sui, explorers and other tools: the form, and the blob ID that is meant. */
function otherForm(text: string): [form: string, meant: BlobId] | undefined {
  // 78 digits are the longest u256; fewer than 60 are some other number
  if (/^[1-9][0-9]{59,77}$/.test(text)) {
    const value = BigInt(text)
    return value < U256_LIMIT ? ['the number that Sui shows', blobIdFromU256(value)] : undefined
  }
  if (/^(0x)?[0-9a-f]{64}$/i.test(text)) {
    const id = parseObjectId(text.startsWith('0x') ? text : `0x${text}`)
    return ['hex of 32 bytes (or an object ID)', blobIdFromBytes(objectIdToBytes(id))]
  }
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return ['another base64', toText(fromText(text)) as BlobId]
  return undefined
}

function toText(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

function fromText(text: string): Uint8Array {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
