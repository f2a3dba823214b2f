import { ProtocolError } from '../errors.ts'

/**
 * As much of protobuf as circuit relay v2 needs, and no more: numbers and bytes. A varint has one encoding here, a field
 * that may stand once stands once, and what nobody knows is passed over, as protobuf wants it.
 */
export interface ProtobufFields {
  /** A number of at most 53 bits; undefined when it is not there. Throws MALFORMED when it is none. */
  number(field: number): number | undefined
  /** Throws MALFORMED when the field is a number. */
  bytes(field: number): Uint8Array | undefined
  /** A field that may stand many times. Throws MALFORMED as `bytes`. */
  all(field: number): Uint8Array[]
}

const VARINT = 0
const FIXED_64 = 1
const BYTES = 2
const FIXED_32 = 5
const MAX_VARINT_BYTES = 8 // 56 bits, of which 53 are used

/** Throws MALFORMED unless the bytes are fields to their end. */
export function readProtobuf(bytes: Uint8Array): ProtobufFields {
  const fields = new Map<number, (number | Uint8Array)[]>()
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at)
    const field = Math.floor(tag.value / 8)
    if (field === 0) throw new ProtocolError('MALFORMED')
    const content = readContent(bytes, tag.next, tag.value % 8)
    at = content.next
    if (content.value === undefined) continue
    const known = fields.get(field)
    if (known === undefined) fields.set(field, [content.value])
    else known.push(content.value)
  }
  const once = (field: number): number | Uint8Array | undefined => {
    const values = fields.get(field) ?? []
    if (values.length > 1) throw new ProtocolError('MALFORMED')
    return values[0]
  }
  const asBytes = (value: number | Uint8Array): Uint8Array => {
    if (typeof value === 'number') throw new ProtocolError('MALFORMED')
    return value
  }
  return {
    number(field) {
      const value = once(field)
      if (value instanceof Uint8Array) throw new ProtocolError('MALFORMED')
      return value
    },
    bytes(field) {
      const value = once(field)
      return value === undefined ? undefined : asBytes(value)
    },
    all: field => (fields.get(field) ?? []).map(asBytes),
  }
}

function readContent(
  bytes: Uint8Array,
  at: number,
  type: number,
): { value?: number | Uint8Array; next: number } {
  if (type === VARINT) return readVarint(bytes, at)
  if (type === FIXED_64) return { next: within(bytes, at + 8) }
  if (type === FIXED_32) return { next: within(bytes, at + 4) }
  if (type !== BYTES) throw new ProtocolError('MALFORMED')
  const length = readVarint(bytes, at)
  const next = within(bytes, length.next + length.value)
  return { value: bytes.subarray(length.next, next), next }
}

function within(bytes: Uint8Array, at: number): number {
  if (at > bytes.length) throw new ProtocolError('MALFORMED')
  return at
}

function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) break
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte >= 0x80) continue
    if ((byte === 0 && i > 0) || !Number.isSafeInteger(value)) break
    return { value, next: at + i + 1 }
  }
  throw new ProtocolError('MALFORMED')
}

/** Fields in the order in which they are written; those that are undefined are left out. */
export function writeProtobuf(
  fields: readonly (readonly [field: number, value: number | Uint8Array | undefined])[],
): Uint8Array {
  const out: number[] = []
  for (const [field, value] of fields) {
    if (value === undefined) continue
    const isNumber = typeof value === 'number'
    writeVarint(out, field * 8 + (isNumber ? VARINT : BYTES))
    writeVarint(out, isNumber ? value : value.length)
    if (!isNumber) for (const byte of value) out.push(byte)
  }
  return Uint8Array.from(out)
}

function writeVarint(out: number[], value: number): void {
  let rest = value
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  out.push(rest)
}
