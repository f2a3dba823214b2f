import type { Address } from '../ledger/address.ts'
import { createTypeTable } from '../vm/type-table.ts'
import type { MoveType } from '../vm/types.ts'
import { invalid, limited } from './status.ts'

/** Longer than any type that exists: names have up to 128 characters, addresses 66. */
const MAX_LENGTH = 8192

/**
 * A type that a caller wrote. It is not kept: the VM's table, in which types stay for good, is for what exists.
 * Throws RpcStatus.
 */
export function requestType(text: string | undefined): MoveType {
  if (text !== undefined && text.length > MAX_LENGTH)
    throw limited('size', `a type of ${text.length} characters, at most ${MAX_LENGTH} are read`)
  try {
    return createTypeTable().fromTag(text ?? '')
  } catch {
    throw invalid(`invalid type ${(text ?? '').slice(0, 80)}`)
  }
}

/** `package[::module[::name]]` with the address written out, as parts. Throws RpcStatus. */
export function requestPath(
  text: string | undefined,
  what: string,
  parse: (address: string) => Address,
): string[] {
  if (text !== undefined && text.length > MAX_LENGTH)
    throw limited('size', `a name of ${text.length} characters, at most ${MAX_LENGTH} are read`)
  const parts = (text ?? '').split('::')
  if (parts.length > 3 || parts.includes('')) throw invalid(`invalid ${what} filter`)
  const [address, ...rest] = parts
  return [parse(address!), ...rest]
}
