import type { NativeCall } from '../types.ts'
import { bytesToValue, type Reference, type Value } from '../values.ts'

/** Bytes behind a `&vector<u8>`; costs a step for each. */
export function bytesBehind({ context }: NativeCall, value: Value | undefined): Uint8Array {
  return bytesIn({ context }, (value as Reference).value)
}

/** Bytes of a `vector<u8>`; costs a step for each. */
export function bytesIn({ context }: Pick<NativeCall, 'context'>, value: Value | undefined): Uint8Array {
  const bytes = value as number[]
  context.meter.charge(bytes.length)
  return Uint8Array.from(bytes)
}

/** A `vector<u8>`, metered. */
export function bytesOut({ context }: Pick<NativeCall, 'context'>, bytes: Uint8Array): Value[] {
  context.meter.chargeArray(bytes.length)
  return bytesToValue(bytes)
}

/** What a string of an address takes. */
const ADDRESS_SIZE_BYTES = 96

/** An address that was made just now, metered. */
export function addressOut({ context }: Pick<NativeCall, 'context'>, address: string): string {
  context.meter.allocate(ADDRESS_SIZE_BYTES)
  return address
}

/** Some microseconds, whatever the input's length. */
export const HASH_STEPS = 1000

export const u64Bytes = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes
}

/** `0x` and hex digits to bytes, and back. */
export const addressBytes = (address: string): Uint8Array =>
  Uint8Array.from(Buffer.from(address.slice(2), 'hex'))
export const addressFrom = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
