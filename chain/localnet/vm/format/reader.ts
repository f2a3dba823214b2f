import { VmError } from '../errors.ts'

export const malformed = (reason: string): VmError =>
  new VmError({ kind: 'VMVerificationOrDeserializationError', reason })

/** Reads `bytes[position, end)`; running out of bytes is a VmError. */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #position: number

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    if (position > end || end > bytes.length) throw malformed('a table lies outside of the module')
    this.#bytes = bytes
    this.#position = position
    this.#end = end
  }

  get position(): number {
    return this.#position
  }

  get hasMore(): boolean {
    return this.#position < this.#end
  }

  u8(): number {
    if (this.#position >= this.#end) throw malformed('unexpected end')
    return this.#bytes[this.#position++]!
  }

  /** Little-endian, at most four bytes. */
  uint(size: number): number {
    let value = 0
    for (let i = 0; i < size; i++) value += this.u8() * 2 ** (8 * i)
    return value
  }

  /** Little-endian, any size. */
  bigUint(size: number): bigint {
    let value = 0n
    for (let i = 0; i < size; i++) value |= BigInt(this.u8()) << BigInt(8 * i)
    return value
  }

  /** A ULEB128 in its shortest form, at most `max` (up to 2^32 - 1). */
  uleb(max: number): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw malformed('a number is not in its shortest form')
        if (value > max) throw malformed(`a number is larger than ${max}`)
        return value
      }
    }
    throw malformed('a number is too long')
  }

  bytes(length: number): Uint8Array {
    if (length > this.#end - this.#position) throw malformed('unexpected end')
    const start = this.#position
    this.#position += length
    return this.#bytes.slice(start, this.#position)
  }
}
