import type { VmFailure } from '../errors.ts'
import { parseModule } from '../format/parse.ts'
import type { Vm } from '../types.ts'

/** What an abort code says about itself. */
export interface CleverError {
  line: number
  /** name of the constant, for `#[error] const` */
  constant?: string
}

const tag = 1n << 63n
const none = 0xffffn

/**
 * Codes with the highest bit set are made by the compiler: the line in bits 32 to 47, the constants
 * that hold the name and the value of the error in bits 16 to 31 and 0 to 15.
 */
export function describeCleverError(
  vm: Vm,
  { code, location }: Extract<VmFailure, { kind: 'MoveAbort' }>,
): CleverError | undefined {
  if ((code & tag) === 0n) return undefined
  const line = Number((code >> 32n) & 0xffffn)
  const nameIndex = (code >> 16n) & 0xffffn
  const module = vm.package(location.address)?.modules.get(location.module)
  if (nameIndex === none || !module) return { line }
  const name = parseModule(module.bytes).constants[Number(nameIndex)]
  if (!name) return { line }
  // a vector<u8>: its length is one byte, for names are short
  return { line, constant: Buffer.from(name.data.subarray(1)).toString('utf8') }
}
