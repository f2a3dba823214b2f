import type { GrpcTypes } from '@mysten/sui/grpc'
import { parseModule } from '../../vm/format/parse.ts'
import { Reader } from '../../vm/format/reader.ts'
import type { Vm } from '../../vm/index.ts'

/** Finds a module's bytecode: of the package's first version, which is what abort locations name. */
export type FindModule = (packageId: string, module: string) => Uint8Array | undefined

export const moduleFinder =
  (vm: Vm): FindModule =>
  (packageId, module) =>
    vm.package(packageId)?.modules.get(module)?.bytes

/**
 * An abort code with its highest bit set is the compiler's: 8 bits of error code, and 16 bits each of line number,
 * the indexes of two constants, the name and the value (0xffff: none). From `assert!` without a code and `#[error]`.
 */
export function cleverError(
  find: FindModule,
  packageId: string,
  module: string,
  code: bigint,
): GrpcTypes.CleverError | undefined {
  if (code >> 63n !== 1n) return undefined
  const part = (shift: bigint) => Number((code >> shift) & 0xffffn)
  const identifier = part(16n)
  const constant = part(0n)
  const errorCode = (code >> 48n) & 0xffn
  const error: GrpcTypes.CleverError = {
    lineNumber: (code >> 32n) & 0xffffn,
    errorCode: errorCode > 0n ? errorCode : undefined,
    value: { oneofKind: undefined },
  }
  const bytes = find(packageId, module)
  const constants = bytes !== undefined ? parseModule(bytes).constants : []
  const name = constants[identifier]
  if (name !== undefined) error.constantName = textOf(name.data)
  const data = constants[constant]
  if (data === undefined) return error
  error.constantType = data.type.kind === 'vector' ? 'vector<u8>' : data.type.kind
  error.value = render(data.data, data.type.kind)
  return error
}

/** A number, or bytes that are text; anything else as it is. */
function render(data: Uint8Array, kind: string): GrpcTypes.CleverError['value'] {
  if (/^u\d+$/.test(kind)) {
    const value = [...data].reverse().reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
    return { oneofKind: 'rendered', rendered: value.toString() }
  }
  const rendered = textOf(data)
  return rendered === undefined ? { oneofKind: 'raw', raw: data } : { oneofKind: 'rendered', rendered }
}

/** BCS of a `vector<u8>` that is UTF-8. */
function textOf(data: Uint8Array): string | undefined {
  try {
    const reader = new Reader(data)
    return new TextDecoder('utf-8', { fatal: true }).decode(reader.bytes(reader.uleb(data.length)))
  } catch {
    return undefined
  }
}
