/** Appends to a buffer that grows. */
export class ByteWriter {
  #bytes = new Uint8Array(64)
  #length = 0

  #reserve(size: number): number {
    const at = this.#length
    this.#length += size
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    return at
  }

  u8(value: number): void {
    const at = this.#reserve(1) // before `#bytes` is read, for it may be replaced
    this.#bytes[at] = value
  }

  /** Little-endian. */
  uint(value: number, size: number): void {
    let at = this.#reserve(size)
    for (let rest = value; size > 0; size--, rest = Math.floor(rest / 256)) this.#bytes[at++] = rest & 0xff
  }

  /** Little-endian. */
  bigUint(value: bigint, size: number): void {
    let at = this.#reserve(size)
    for (let rest = value; size > 0; size -= 4, rest >>= 32n) {
      const word = Number(rest & 0xffffffffn)
      this.#bytes[at++] = word & 0xff
      this.#bytes[at++] = (word >>> 8) & 0xff
      this.#bytes[at++] = (word >>> 16) & 0xff
      this.#bytes[at++] = word >>> 24
    }
  }

  uleb(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80)
      rest = Math.floor(rest / 128)
    }
    this.u8(rest)
  }

  /** `0x` and hex digits. */
  hex(text: string): void {
    const length = (text.length - 2) / 2
    const at = this.#reserve(length)
    for (let i = 0; i < length; i++)
      this.#bytes[at + i] = (nibble(text.charCodeAt(2 + 2 * i)) << 4) | nibble(text.charCodeAt(3 + 2 * i))
  }

  bytes(values: ArrayLike<number>): void {
    const at = this.#reserve(values.length)
    this.#bytes.set(values, at)
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }
}

/** Value of a lowercase hex digit. */
const nibble = (code: number): number => (code < 58 ? code - 48 : code - 87)
