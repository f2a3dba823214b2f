import { charge } from '../copy.ts'
import type { NativeCall } from '../types.ts'
import type { Reference, Value } from '../values.ts'

/** Bytes behind a `&vector<u8>`; costs a step for each. */
export function bytesBehind({ context }: NativeCall, value: Value | undefined): Uint8Array {
  return bytesIn({ context }, (value as Reference).value)
}

/** Bytes of a `vector<u8>`; costs a step for each. */
export function bytesIn({ context }: Pick<NativeCall, 'context'>, value: Value | undefined): Uint8Array {
  const bytes = value as number[]
  charge(context.meter, bytes.length)
  return Uint8Array.from(bytes)
}

export const u64Bytes = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes
}

/** `0x` and hex digits to bytes, and back. */
export const addressBytes = (address: string): Uint8Array =>
  Uint8Array.from(Buffer.from(address.slice(2), 'hex'))
export const addressFrom = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
