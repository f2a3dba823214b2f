import { type FieldShape, type MessageShape, mapValueOf, messageOf } from './message-shape.ts'
import { invalid, limited } from './status.ts'

/** What a request's message may hold, whatever its type: looked at before anything is built of it. */
export const REQUEST_LIMITS = {
  /** messages within messages; what Sui's own server (prost) allows */
  maxDepth: 100,
  /** a batch of 1,000, each with a mask of its own */
  maxMessages: 4096,
  /** in a request that carries a transaction: the largest has some 45,000 arguments, each a message */
  maxTransactionMessages: 65_536,
  /** four of each message */
  maxFields: 262_144,
} as const

const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/** A map's entry is a message of a key and a value. */
const entryOf = (field: FieldShape, value: MessageShape): MessageShape => ({
  typeName: `${field.name} entry`,
  fields: [{ no: 2, name: 'value', localName: 'value', kind: 'message', T: () => value }],
})

const nestedOf = (field: FieldShape | undefined): MessageShape | undefined => {
  if (field === undefined) return undefined
  const value = mapValueOf(field)
  return value !== undefined ? entryOf(field, value) : messageOf(field)
}

/**
 * Walks the wire format of a message and throws INVALID_ARGUMENT when it nests too deep, holds too much or is cut
 * off. Decoders recurse and allocate as they go; this allocates nothing.
 */
export function checkRequest(type: MessageShape, bytes: Uint8Array): void {
  const hasTransaction = type.fields.some(({ name }) => name === 'transaction')
  const maxMessages = hasTransaction ? REQUEST_LIMITS.maxTransactionMessages : REQUEST_LIMITS.maxMessages
  let position = 0
  let messages = 0
  let fields = 0

  /** The low 32 bits: enough for tags and lengths, a larger length is beyond the end anyway. */
  const varint = (end: number): number => {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= end) throw cutOff()
      const byte = bytes[position++]!
      if (shift < 28) value |= (byte & 0x7f) << shift
      else if ((byte & 0x7f) !== 0) value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw invalid('a number of the message is too long')
  }

  const walk = (shape: MessageShape, end: number, depth: number): void => {
    if (depth > REQUEST_LIMITS.maxDepth)
      throw limited('depth', `the message nests deeper than ${REQUEST_LIMITS.maxDepth}`)
    if (++messages > maxMessages) throw limited('size', `the request holds more than ${maxMessages} messages`)
    while (position < end) {
      if (++fields > REQUEST_LIMITS.maxFields)
        throw limited('size', `the request holds more than ${REQUEST_LIMITS.maxFields} fields`)
      const tag = varint(end)
      const wire = tag % 8
      const no = Math.floor(tag / 8)
      if (wire === WIRE.varint) varint(end)
      else if (wire === WIRE.fixed64) position += 8
      else if (wire === WIRE.fixed32) position += 4
      else if (wire === WIRE.bytes) {
        const length = varint(end)
        if (length > end - position) throw cutOff()
        const nested = nestedOf(shape.fields.find(field => field.no === no))
        if (nested !== undefined) walk(nested, position + length, depth + 1)
        else position += length
      } else throw invalid('the message has a field of an unknown kind')
      if (position > end) throw cutOff()
    }
  }

  walk(type, bytes.length, 1)
}

const cutOff = () => invalid('the message is cut off')
