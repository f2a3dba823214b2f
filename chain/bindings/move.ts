import { BcsReader, type BcsType } from '@mysten/bcs'
import { bcs } from '@mysten/sui/bcs'
import { ChainError } from '../errors.ts'

/** `sui::group_ops::Element`: the bytes of a group element. */
export const Element = bcs.struct('Element', { bytes: bcs.byteVector() })

/** `sui::balance::Balance` */
export const Balance = bcs.struct('Balance', { value: bcs.u64() })

/** The handle of `Table`, `ObjectTable` and `Bag`: entries are dynamic fields of `id`. */
export const Table = bcs.struct('Table', { id: bcs.Address, size: bcs.u64() })

/** `sui::clock::Clock`: ms since 1970 */
export const Clock = bcs.struct('Clock', { id: bcs.Address, timestamp_ms: bcs.u64() })

/** `walrus::extended_field::ExtendedField`: its value is a dynamic field of `id`. */
export const ExtendedField = bcs.struct('ExtendedField', { id: bcs.Address })

/** `sui::vec_map::VecMap`; entries in order of insertion. */
export function vecMap<K, KI, V, VI>(key: BcsType<K, KI>, value: BcsType<V, VI>) {
  return bcs.struct(`VecMap<${key.name}, ${value.name}>`, {
    contents: bcs.vector(bcs.struct('Entry', { key, value })),
  })
}

/** `sui::dynamic_field::Field`: the object that holds a dynamic field. */
export function fieldOf<K, KI, V, VI>(key: BcsType<K, KI>, value: BcsType<V, VI>) {
  return bcs.struct(`Field<${key.name}, ${value.name}>`, { id: bcs.Address, name: key, value })
}

/**
 * Decodes what was read from the chain; throws MALFORMED when the layout is another one. The chain writes each value in
 * one way only, so that nothing is encoded again to compare; what is left over or missing tells another layout.
 */
export function decodeMove<T, I>(type: BcsType<T, I>, bytes: Uint8Array): T {
  try {
    const reader = new CountingReader(bytes)
    const value = type.read(reader)
    if (reader.count !== bytes.length)
      throw new RangeError(`${reader.count} of ${bytes.length} bytes were read`)
    return value
  } catch (cause) {
    throw new ChainError(
      'MALFORMED',
      `the chain has another layout of ${type.name}`,
      { what: type.name },
      { cause },
    )
  }
}

/** Tells how far it has come: past the end, too, when the bytes are part of a larger buffer. */
class CountingReader extends BcsReader {
  count = 0

  override shift(bytes: number): this {
    this.count += bytes
    return super.shift(bytes)
  }
}

/** A u64 that must fit a JavaScript integer: sizes, timestamps. */
export function safeNumber(value: string | bigint, what: string): number {
  const big = BigInt(value)
  if (big > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ChainError('MALFORMED', `${what} is too large: ${big}`, { what })
  }
  return Number(big)
}
