import type { FunctionImpl } from '../loaded.ts'
import type { MoveType } from '../types.ts'
import type { Value } from '../values.ts'

/**
 * An instruction ready to run. Codes below 0x80 are the format's own; those from 0x80 on are ours,
 * chosen by the types that were inferred (bytecode does not say the type of `Add` or `CopyLoc`).
 */
export const OPCODE = {
  copyDeep: 0x80, // CopyLoc of what may be an array
  readDeep: 0x81, // ReadRef of what may be an array
  constDeep: 0x82, // LdConst of a vector
  eqDeep: 0x83,
  neqDeep: 0x84,
  eqRef: 0x85,
  neqRef: 0x86,
  callNative: 0x87,
  castNumber: 0x88, // number to number
  castToBig: 0x89, // number to bigint
  castToNumber: 0x8a, // bigint to number
  castBig: 0x8b, // bigint to bigint
  // on numbers (u8, u16, u32)
  addNumber: 0x90,
  subNumber: 0x91,
  mulNumber: 0x92,
  modNumber: 0x93,
  divNumber: 0x94,
  orNumber: 0x95,
  andNumber: 0x96,
  xorNumber: 0x97,
  shlNumber: 0x98,
  shrNumber: 0x99,
  packVariant: 0xa0,
  unpackVariant: 0xa1,
  unpackVariantRef: 0xa2,
} as const

/** All have the same shape, so that the interpreter's loop stays monomorphic. */
export class Op {
  code: number
  /** local, jump target, field index, variant tag or width */
  readonly a: number
  /** how many values are popped or made */
  readonly n: number
  /** constant, or the largest value of the integer type */
  readonly value: Value
  readonly callee: FunctionImpl | undefined
  /** type arguments of a call, open when they hold the caller's type parameters */
  readonly typeArguments: readonly MoveType[] | undefined
  readonly isOpen: boolean
  /** of VariantSwitch */
  readonly targets: readonly number[] | undefined
  /** memory that a new value takes */
  readonly bytes: number
  /** the last type arguments of an open call, in and out */
  cacheIn: readonly MoveType[] | undefined
  cacheOut: readonly MoveType[] | undefined

  constructor(
    code: number,
    {
      a = 0,
      n = 0,
      value = 0,
      callee,
      typeArguments,
      targets,
      bytes = 0,
    }: Partial<Pick<Op, 'a' | 'n' | 'value' | 'callee' | 'typeArguments' | 'targets' | 'bytes'>> = {},
  ) {
    this.code = code
    this.a = a
    this.n = n
    this.value = value
    this.callee = callee
    this.typeArguments = typeArguments
    this.isOpen = typeArguments?.some(type => type.isOpen) ?? false
    this.targets = targets
    this.bytes = bytes
    this.cacheIn = undefined
    this.cacheOut = undefined
  }
}

/** A verified function, ready to run. */
export interface Body {
  ops: readonly Op[]
  /** parameters and locals */
  locals: number
  /** that a call takes besides its instructions, for the locals */
  steps: number
}
