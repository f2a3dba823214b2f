import { ByteWriter } from './byte-writer.ts'
import type { Definitions } from './definitions.ts'
import { VmError } from './errors.ts'
import { bytesOfArray, type Meter } from './meter.ts'
import { checkPure } from './pure.ts'
import { bytesOfFields, bytesOfSlot } from './sizes.ts'
import type { DeserializeOptions, MoveType } from './types.ts'
import { EnumValue, type Value } from './values.ts'

/** Move's limit on nested values. */
export const MAX_DEPTH = 128
const MAX_LENGTH = 2 ** 31 - 1 // BCS's limit on sequences

const BYTE_SIZES = { u8: 1, u16: 2, u32: 4, u64: 8, u128: 16, u256: 32 } as const

/** To read or write one part of a value. */
const PART_STEPS = 2
const ADDRESS_SIZE_BYTES = 96

const tooDeep = (): VmError => new VmError({ kind: 'MovePrimitiveRuntimeError', reason: 'VALUE_TOO_DEEP' })

interface Writer {
  definitions: Definitions
  out: ByteWriter
  meter: Meter | undefined
}

function write(writer: Writer, type: MoveType, value: Value, depth: number): void {
  const { definitions, out, meter } = writer
  if (depth > MAX_DEPTH) throw tooDeep()
  switch (type.kind) {
    case 'bool':
      out.u8(value ? 1 : 0)
      return
    case 'u8':
      out.u8(value as number)
      return
    case 'u16':
    case 'u32':
      out.uint(value as number, BYTE_SIZES[type.kind])
      return
    case 'u64':
    case 'u128':
    case 'u256':
      out.bigUint(value as bigint, BYTE_SIZES[type.kind])
      return
    case 'address':
    case 'signer':
      out.hex(value as string)
      return
    case 'vector': {
      const elements = value as Value[]
      meter?.charge(PART_STEPS * (1 + elements.length))
      out.uleb(elements.length)
      if (type.element.kind === 'u8') out.bytes(elements as number[])
      else for (const element of elements) write(writer, type.element, element, depth + 1)
      return
    }
    case 'datatype': {
      const variants = definitions.variantTypes(type)
      let fields = value as Value[]
      let types: readonly MoveType[]
      if (variants !== undefined) {
        const { tag } = value as EnumValue
        out.uleb(tag)
        types = variants[tag]!
        fields = (value as EnumValue).fields
      } else {
        types = definitions.fieldTypes(type)
      }
      meter?.charge(PART_STEPS * (1 + types.length))
      for (let i = 0; i < types.length; i++) write(writer, types[i]!, fields[i]!, depth + 1)
      return
    }
    default:
      throw new VmError({ kind: 'VMInvariantViolation', reason: `${type.text} cannot be serialized` })
  }
}

/** Canonical BCS of a value; the value must be of the type. The work is taken from the meter as it goes. */
export function serialize(definitions: Definitions, type: MoveType, value: Value, meter?: Meter): Uint8Array {
  const out = new ByteWriter()
  write({ definitions, out, meter }, type, value, 1)
  return out.finish()
}

class Decoder {
  readonly #definitions: Definitions
  readonly #bytes: Uint8Array
  readonly #type: MoveType
  readonly #meter: Meter | undefined
  #position = 0

  constructor(definitions: Definitions, bytes: Uint8Array, type: MoveType, meter: Meter | undefined) {
    this.#meter = meter
    this.#definitions = definitions
    this.#bytes = bytes
    this.#type = type
  }

  fail(reason: string): VmError {
    return new VmError({ kind: 'DeserializationError', reason, type: this.#type.text })
  }

  #take(size: number): number {
    const at = this.#position
    if (size > this.#bytes.length - at) throw this.fail('too few bytes')
    this.#position += size
    return at
  }

  #uint(size: number): number {
    const at = this.#take(size)
    let value = 0
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#bytes[at + i]!
    return value
  }

  #bigUint(size: number): bigint {
    let value = 0n
    const at = this.#take(size)
    for (let i = size - 4; i >= 0; i -= 4) {
      let word = 0
      for (let j = 3; j >= 0; j--) word = word * 256 + this.#bytes[at + i + j]!
      value = (value << 32n) | BigInt(word)
    }
    return value
  }

  #uleb(max: number): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#take(1)]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw this.fail('a length is not in its shortest form')
        if (value > max) break
        return value
      }
    }
    throw this.fail('a length or tag is too large')
  }

  read(type: MoveType, depth: number): Value {
    if (depth > MAX_DEPTH) throw tooDeep()
    switch (type.kind) {
      case 'bool': {
        const byte = this.#bytes[this.#take(1)]!
        if (byte > 1) throw this.fail('a bool is neither 0 nor 1')
        return byte === 1
      }
      case 'u8':
        return this.#bytes[this.#take(1)]!
      case 'u16':
      case 'u32':
        return this.#uint(BYTE_SIZES[type.kind])
      case 'u64':
      case 'u128':
      case 'u256':
        return this.#bigUint(BYTE_SIZES[type.kind])
      case 'address': {
        const at = this.#take(32)
        this.#meter?.allocate(ADDRESS_SIZE_BYTES)
        return `0x${Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + at, 32).toString('hex')}`
      }
      case 'vector': {
        const length = this.#uleb(MAX_LENGTH)
        // every element takes at least one byte
        if (length > this.#bytes.length - this.#position) throw this.fail('too few bytes')
        if (type.element.kind === 'u8') {
          const at = this.#take(length)
          this.#meter?.chargeArray(length)
          return Array.from(this.#bytes.subarray(at, at + length))
        }
        this.#meter?.charge(PART_STEPS * (1 + length))
        this.#meter?.allocate(bytesOfArray(0) + 2 * length * bytesOfSlot(type.element))
        const elements: Value[] = []
        for (let i = 0; i < length; i++) elements.push(this.read(type.element, depth + 1))
        return elements
      }
      case 'datatype': {
        const variants = this.#definitions.variantTypes(type)
        if (variants === undefined) return this.#fields(this.#definitions.fieldTypes(type), depth)
        const tag = this.#uleb(MAX_LENGTH)
        const types = variants[tag]
        if (types === undefined) throw this.fail('unknown variant')
        return new EnumValue(tag, this.#fields(types, depth))
      }
      default:
        throw this.fail('not a type of values')
    }
  }

  #fields(types: readonly MoveType[], depth: number): Value[] {
    this.#meter?.charge(PART_STEPS * (1 + types.length))
    this.#meter?.allocate(bytesOfFields(types))
    const fields: Value[] = []
    for (const type of types) fields.push(this.read(type, depth + 1))
    return fields
  }

  finish(): void {
    if (this.#position !== this.#bytes.length) throw this.fail('trailing bytes')
  }
}

/** The value whose canonical BCS is exactly `bytes`. */
export function deserialize(
  definitions: Definitions,
  type: MoveType,
  bytes: Uint8Array,
  { pure = false, meter }: DeserializeOptions = {},
): Value {
  const decoder = new Decoder(definitions, bytes, type, meter)
  const value = decoder.read(type, 1)
  decoder.finish()
  if (pure) {
    const problem = checkPure(type, value)
    if (problem !== undefined) throw decoder.fail(problem)
  }
  return value
}
