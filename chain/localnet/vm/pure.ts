import { isUtf8 } from 'node:buffer'
import type { DatatypeType, MoveType } from './types.ts'
import { type Value, valueToBytes } from './values.ts'

const STANDARD = `0x${'1'.padStart(64, '0')}`
const FRAMEWORK = `0x${'2'.padStart(64, '0')}`

const is = (type: DatatypeType, address: string, module: string, name: string): boolean =>
  type.address === address && type.module === module && type.name === name

/**
 * Sui's rules for a transaction's pure argument: primitives, vectors, ID, Option (at most one
 * element) and the two strings (valid UTF-8, or ASCII). Returns what is wrong.
 */
export function checkPure(type: MoveType, value: Value): string | undefined {
  switch (type.kind) {
    case 'signer':
    case 'reference':
    case 'parameter':
      return 'not a type of pure values'
    case 'vector': {
      // primitives need no look at each element; an empty vector still needs an allowed type
      const elements = value as Value[]
      if (type.element.kind !== 'vector' && type.element.kind !== 'datatype')
        return checkPure(type.element, elements[0] ?? 0)
      if (elements.length === 0) return isPureType(type.element) ? undefined : 'not a type of pure values'
      for (const element of elements) {
        const problem = checkPure(type.element, element)
        if (problem !== undefined) return problem
      }
      return undefined
    }
    case 'datatype': {
      if (!isPureType(type)) return 'not a type of pure values'
      const [field] = value as Value[]
      if (is(type, STANDARD, 'string', 'String'))
        return isUtf8(valueToBytes(field!)) ? undefined : 'a string is not UTF-8'
      if (is(type, STANDARD, 'ascii', 'String'))
        return (field as number[]).every(byte => byte < 0x80) ? undefined : 'a string is not ASCII'
      if (is(type, STANDARD, 'option', 'Option')) {
        const elements = field as Value[]
        if (elements.length > 1) return 'an option has more than one element'
        return elements.length === 0 ? undefined : checkPure(type.typeArguments[0]!, elements[0]!)
      }
      return undefined
    }
    default:
      return undefined
  }
}

/** Whether a transaction's pure argument may have the type. */
export function isPureType(type: MoveType): boolean {
  switch (type.kind) {
    case 'signer':
    case 'reference':
    case 'parameter':
      return false
    case 'vector':
      return isPureType(type.element)
    case 'datatype':
      return (
        is(type, STANDARD, 'string', 'String') ||
        is(type, STANDARD, 'ascii', 'String') ||
        is(type, FRAMEWORK, 'object', 'ID') ||
        (is(type, STANDARD, 'option', 'Option') && isPureType(type.typeArguments[0]!))
      )
    default:
      return true
  }
}
