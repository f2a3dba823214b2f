import type { BcsType } from '@mysten/bcs'
import { equalBytes } from '../base/bytes.ts'
import { CodecError } from './errors.ts'

/**
 * Reads a BCS value that arrived from elsewhere. `@mysten/bcs` alone takes trailing bytes, long length prefixes and
 * unsorted maps; here only the one canonical encoding passes, everything else is MALFORMED.
 */
export function decodeExact<T, Input>(type: BcsType<T, Input>, bytes: Uint8Array): T {
  let value: T
  let canonical: Uint8Array
  try {
    value = type.parse(bytes)
    canonical = type.serialize(value as unknown as Input).toBytes()
  } catch (cause) {
    throw new CodecError('MALFORMED', `not a ${type.name}`, { what: type.name }, { cause })
  }
  if (!equalBytes(canonical, bytes)) {
    throw new CodecError('MALFORMED', `not the canonical encoding of a ${type.name}`, { what: type.name })
  }
  return value
}
