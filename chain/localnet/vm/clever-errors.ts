import { isUtf8 } from 'node:buffer'
import { defined } from '../../../base/defined.ts'
import { deserialize } from './bcs.ts'
import type { Definitions } from './definitions.ts'
import type { ModuleImpl } from './loaded.ts'
import type { CleverError, MoveType } from './types.ts'
import { type Value, valueToBytes } from './values.ts'

const TAG = 1n << 63n
const NO_CONSTANT = 0xffff
const NO_ERROR_CODE = 0xff

const field = (code: bigint, offset: bigint, mask: bigint): number => Number((code >> offset) & mask)

/** How Sui shows an error's value: text for bytes that are UTF-8, digits for numbers. */
function render(type: MoveType, value: Value): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  if (type.kind === 'address') return value as string
  if (type.kind !== 'vector' || type.element.kind !== 'u8') return undefined
  const bytes = valueToBytes(value)
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : undefined
}

/**
 * Abort codes with the highest bit set are made by the compiler: bits 48 to 55 hold the error code
 * (0xff: none), 32 to 47 the line, 16 to 31 and 0 to 15 the indexes of the constants that are the
 * error's name and its value (0xffff: none).
 */
export function cleverError(
  definitions: Definitions,
  module: ModuleImpl,
  code: bigint,
): CleverError | undefined {
  if ((code & TAG) === 0n) return undefined
  const errorCode = field(code, 48n, 0xffn)
  const error: CleverError = defined({
    line: field(code, 32n, 0xffffn),
    errorCode: errorCode === NO_ERROR_CODE ? undefined : errorCode,
  })
  const constant = (index: number): { type: MoveType; value: Value; data: Uint8Array } | undefined => {
    const entry = index === NO_CONSTANT ? undefined : module.compiled.constants[index]
    if (entry === undefined) return undefined
    const type = module.type(entry.type)
    return { type, value: deserialize(definitions, type, entry.data), data: entry.data }
  }
  const name = constant(field(code, 16n, 0xffffn))
  const value = constant(field(code, 0n, 0xffffn))
  const constantName = name && render(name.type, name.value)
  if (constantName === undefined) return error
  if (value === undefined) return { ...error, constantName }
  const rendered = render(value.type, value.value)
  return defined({ ...error, constantName, constantType: value.type.text, raw: value.data, rendered })
}
