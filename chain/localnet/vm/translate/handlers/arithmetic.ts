import { DROPPABLE } from '../../abilities.ts'
import { Op } from '../../loaded.ts'
import type { IntegerKind, MoveType, PrimitiveType } from '../../types.ts'
import { OPCODE } from '../opcode.ts'
import type { Handler, Scope } from '../scope.ts'
import { isFlat } from './locals.ts'

const WIDTHS: Readonly<Record<string, number>> = { u8: 8, u16: 16, u32: 32, u64: 64, u128: 128, u256: 256 }

const widthOf = (scope: Scope, type: MoveType): number => {
  const width = WIDTHS[type.kind]
  if (width === undefined) throw scope.fail(`an integer expected, ${type.text} found`)
  return width
}

/** Numbers hold integers up to 32 bits, bigints the others. */
const isNumber = (width: number): boolean => width <= 32
const largest = (width: number): number | bigint =>
  isNumber(width) ? 2 ** width - 1 : (1n << BigInt(width)) - 1n

/** Two integers of one type to one more of it. */
const binary =
  (big: number, number: number): Handler =>
  scope => {
    const type = scope.pop()
    scope.expect(type)
    const width = widthOf(scope, type)
    scope.push(type)
    return new Op(isNumber(width) ? number : big, { a: width, value: largest(width) })
  }

const shift =
  (big: number, number: number): Handler =>
  scope => {
    scope.expect(scope.types.primitive('u8'))
    const type = scope.pop()
    const width = widthOf(scope, type)
    scope.push(type)
    return new Op(isNumber(width) ? number : big, { a: width, value: largest(width) })
  }

const compare =
  (code: number): Handler =>
  scope => {
    const type = scope.pop()
    widthOf(scope, type)
    scope.expect(type)
    scope.push(scope.types.primitive('bool'))
    return new Op(code)
  }

const equality =
  (flat: number, deep: number, reference: number): Handler =>
  scope => {
    const type = scope.pop()
    scope.expect(type)
    scope.require(type, DROPPABLE)
    scope.push(scope.types.primitive('bool'))
    if (type.kind === 'reference') return new Op(reference)
    return new Op(isFlat(type) ? flat : deep)
  }

const logic =
  (code: number, operands: number): Handler =>
  scope => {
    const bool = scope.types.primitive('bool')
    for (let i = 0; i < operands; i++) scope.expect(bool)
    scope.push(bool)
    return new Op(code)
  }

const cast =
  (kind: IntegerKind): Handler =>
  scope => {
    const from = isNumber(widthOf(scope, scope.pop()))
    const to = isNumber(WIDTHS[kind]!)
    scope.push(scope.types.primitive(kind))
    const code = from
      ? to
        ? OPCODE.castNumber
        : OPCODE.castToBig
      : to
        ? OPCODE.castToNumber
        : OPCODE.castBig
    // compared with the operand before it is converted
    const max = from ? 2 ** Math.min(WIDTHS[kind]!, 32) - 1 : (1n << BigInt(WIDTHS[kind]!)) - 1n
    return new Op(code, { value: max })
  }

const literal =
  (kind: PrimitiveType['kind']): Handler =>
  (scope, _operand, { operand }) => {
    scope.push(scope.types.primitive(kind))
    return new Op(0x06, { value: operand })
  }

const boolean =
  (value: boolean): Handler =>
  scope => {
    scope.push(scope.types.primitive('bool'))
    return new Op(0x06, { value })
  }

export const arithmeticHandlers: Record<string, Handler> = {
  Add: binary(0x16, OPCODE.addNumber),
  Sub: binary(0x17, OPCODE.subNumber),
  Mul: binary(0x18, OPCODE.mulNumber),
  Mod: binary(0x19, OPCODE.modNumber),
  Div: binary(0x1a, OPCODE.divNumber),
  BitOr: binary(0x1b, OPCODE.orNumber),
  BitAnd: binary(0x1c, OPCODE.andNumber),
  Xor: binary(0x1d, OPCODE.xorNumber),
  Shl: shift(0x2f, OPCODE.shlNumber),
  Shr: shift(0x30, OPCODE.shrNumber),
  Lt: compare(0x23),
  Gt: compare(0x24),
  Le: compare(0x25),
  Ge: compare(0x26),
  Eq: equality(0x21, OPCODE.eqDeep, OPCODE.eqRef),
  Neq: equality(0x22, OPCODE.neqDeep, OPCODE.neqRef),
  Or: logic(0x1e, 2),
  And: logic(0x1f, 2),
  Not: logic(0x20, 1),
  CastU8: cast('u8'),
  CastU16: cast('u16'),
  CastU32: cast('u32'),
  CastU64: cast('u64'),
  CastU128: cast('u128'),
  CastU256: cast('u256'),
  LdU8: literal('u8'),
  LdU16: literal('u16'),
  LdU32: literal('u32'),
  LdU64: literal('u64'),
  LdU128: literal('u128'),
  LdU256: literal('u256'),
  LdTrue: boolean(true),
  LdFalse: boolean(false),
}
