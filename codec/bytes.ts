import { CodecError, invalidArgument } from './errors.ts'

/** Checks a byte string's length at the boundary, so that inner loops need not. */
export function expectBytes(bytes: Uint8Array, length: number, label: string): Uint8Array {
  if (!(bytes instanceof Uint8Array) || bytes.length !== length) {
    throw new CodecError('MALFORMED', `${label} must be ${length} bytes`, { what: label })
  }
  return bytes
}

/** Checks an integer's range: `min <= value <= max`. */
export function expectInteger(value: number, min: number, max: number, label: string): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) throw invalidArgument(label, value)
  return value
}

/** BCS's length prefix: 7 bits per byte, least significant first. */
export function uleb128(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

export function u16le(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8)
}

export function u32le(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value, true)
  return out
}

export function u64le(value: number): Uint8Array {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(value), true)
  return out
}

/** A position in a byte string that only moves forward; every read is checked. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #what: string
  #at = 0

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  malformed(): CodecError {
    return new CodecError('MALFORMED', `not the canonical encoding of ${this.#what}`, { what: this.#what })
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    if (this.#bytes.length - this.#at < length) throw this.malformed()
    const view = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return view
  }

  u8(): number {
    return this.take(1)[0]!
  }

  u16(): number {
    const [low, high] = this.take(2) as unknown as [number, number]
    return low | (high << 8)
  }

  u32(): number {
    const b = this.take(4)
    return new DataView(b.buffer, b.byteOffset, 4).getUint32(0, true)
  }

  u64(): bigint {
    const b = this.take(8)
    return new DataView(b.buffer, b.byteOffset, 8).getBigUint64(0, true)
  }

  /** A length prefix in its shortest form, at most 32 bits as BCS has it. */
  uleb128(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if ((byte === 0 && shift > 0) || value > 0xffff_ffff) throw this.malformed()
        return value
      }
    }
    throw this.malformed()
  }

  /** A view of what has not been read. */
  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at)
  }

  /** Every byte must have been read: trailing bytes would be a second encoding. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw this.malformed()
  }
}
