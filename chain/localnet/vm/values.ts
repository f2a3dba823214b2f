/**
 * Move values: bool is a boolean; u8, u16 and u32 are numbers; u64, u128 and u256 are bigints; an
 * address is `0x` and 64 hex digits; a struct is the array of its fields; a vector is an array;
 * an enum is an EnumValue. A reference is a container and a position in it.
 */
export type Value = boolean | number | bigint | string | Value[] | EnumValue | Reference

export class EnumValue {
  readonly tag: number
  readonly fields: Value[]

  constructor(tag: number, fields: Value[]) {
    this.tag = tag
    this.fields = fields
  }
}

/** `cell[index]` is the value referred to: a frame's locals, a struct's fields or a vector's elements. */
export class Reference {
  readonly cell: Value[]
  readonly index: number

  constructor(cell: Value[], index: number) {
    this.cell = cell
    this.index = index
  }

  get value(): Value {
    return this.cell[this.index]!
  }

  set value(value: Value) {
    this.cell[this.index] = value
  }
}

/** A reference to a fresh place that holds `value`. */
export const refTo = (value: Value): Reference => new Reference([value], 0)

export const bytesToValue = (bytes: Uint8Array): Value[] => Array.from(bytes)

/** From a `vector<u8>`. */
export const valueToBytes = (value: Value): Uint8Array => Uint8Array.from(value as number[])
