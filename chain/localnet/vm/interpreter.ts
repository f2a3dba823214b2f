import { copy, equal } from './copy.ts'
import { type MoveLocation, NativeAbort, VmError } from './errors.ts'
import type { Body, FunctionImpl, Op } from './loaded.ts'
import type { Meter } from './meter.ts'
import type { MoveType, NativeCall, NativeContext, NativeFunction, Vm } from './types.ts'
import { EnumValue, Reference, type Value } from './values.ts'

/** What the interpreter needs of the VM around it. */
export interface Runtime {
  readonly vm: Vm
  /** Verifies it first, if nobody has. */
  body(fn: FunctionImpl, meter: Meter): Body
  native(fn: FunctionImpl): NativeFunction
  /** Replaces type parameters; what values of the type would need must be within Move's limits. */
  instantiate(type: MoveType, typeArguments: readonly MoveType[], meter: Meter): MoveType
}

const MAX_STACK = 1024 // Move's limit on the operand stack; here on what the callers of a function leave there
const MAX_CALLS = 1024 // Move's limit on the call stack
export const MAX_VECTOR_LENGTH = 256 * 1024 // Sui's max_move_vector_len, which pushing meets
const NATIVE_STEPS = 10 // of the call itself
const FIRST_PUSH_BYTES = 160 // V8 makes room for 17 elements at the first push

class Frame {
  readonly fn: FunctionImpl
  readonly ops: readonly Op[]
  readonly locals: Value[]
  readonly typeArguments: readonly MoveType[]
  /** where to continue in this frame */
  next = 0

  constructor(fn: FunctionImpl, ops: readonly Op[], locals: Value[], typeArguments: readonly MoveType[]) {
    this.fn = fn
    this.ops = ops
    this.locals = locals
    this.typeArguments = typeArguments
  }
}

/**
 * What is left where a value was moved out of. Verified code never reads it; should the verifier ever
 * miss something, a value is still in one place only, and such code stops with a VMInvariantViolation.
 */
const MOVED = undefined as unknown as Value

/** A value that is there. */
function present(value: Value | undefined): Value {
  if (value === undefined)
    throw new VmError({ kind: 'VMInvariantViolation', reason: 'a value is read that was moved away' })
  return value
}

const locationOf = (fn: FunctionImpl, instruction: number): MoveLocation => ({
  address: fn.module.package.id,
  module: fn.module.name,
  function: fn.index,
  functionName: fn.name,
  instruction,
})

/** Adds where it happened to an error that does not know. */
function locate(error: unknown, fn: FunctionImpl, instruction: number): unknown {
  if (error instanceof NativeAbort)
    return new VmError(
      { kind: 'MoveAbort', code: error.details.abortCode, location: locationOf(fn, instruction) },
      { cause: error },
    )
  // RangeError: a value that holds itself, too deep to copy
  if (error instanceof TypeError || error instanceof RangeError)
    return new VmError(
      { kind: 'VMInvariantViolation', reason: 'a value is not where it should be' },
      { cause: error },
    )
  if (!(error instanceof VmError)) return error
  const { failure } = error
  if (failure.kind !== 'MovePrimitiveRuntimeError' && failure.kind !== 'InsufficientGas') return error
  if (failure.location !== undefined) return error
  return new VmError({ ...failure, location: locationOf(fn, instruction) }, { cause: error })
}

const arithmetic = (): VmError =>
  new VmError({ kind: 'MovePrimitiveRuntimeError', reason: 'ARITHMETIC_ERROR' })
const vectorError = (subStatus: number): VmError =>
  new VmError({ kind: 'MovePrimitiveRuntimeError', reason: 'VECTOR_ERROR', subStatus })
const overflow = (reason: 'CALL_STACK_OVERFLOW' | 'EXECUTION_STACK_OVERFLOW'): VmError =>
  new VmError({ kind: 'MovePrimitiveRuntimeError', reason })
const wrongVariant = (): VmError =>
  new VmError({ kind: 'MovePrimitiveRuntimeError', reason: 'VARIANT_TAG_MISMATCH' })

/** The type arguments of a call with the caller's filled in; the last result is kept. */
function fillIn(runtime: Runtime, op: Op, own: readonly MoveType[], meter: Meter): readonly MoveType[] {
  if (!op.isOpen) return op.typeArguments!
  if (op.cacheIn === own) return op.cacheOut!
  const known = op.cacheIn
  if (known?.every((type, i) => type === own[i])) return op.cacheOut!
  op.cacheOut = op.typeArguments!.map(type => runtime.instantiate(type, own, meter))
  op.cacheIn = own
  return op.cacheOut
}

/**
 * Runs a verified function to its end. Calls do not nest on the JavaScript stack: frames are a
 * list, and all of them share one operand stack.
 *
 * Case labels are the opcodes of the binary format and of `opcode` in translate/op.ts; they must be
 * literals for the switch to become a jump table.
 */
export function run(
  runtime: Runtime,
  entry: FunctionImpl,
  entryTypeArguments: readonly MoveType[],
  args: readonly Value[],
  context: NativeContext,
): Value[] {
  const { meter } = context
  if (entry.isNative) {
    try {
      meter.charge(1)
      return runtime.native(entry)({ vm: runtime.vm, context, function: entry }, entryTypeArguments, args)
    } catch (error) {
      throw locate(error, entry, 0)
    }
  }

  const stack: Value[] = new Array(MAX_STACK)
  let top = 0
  let remaining = 0 // steps that were taken from the meter in advance
  let pc = 0
  let failing: FunctionImpl | undefined // the native that is being called

  /** Gives back what is left of the steps, so that others can take from the meter. */
  const settle = (): void => {
    meter.giveBack(remaining)
    remaining = 0
  }

  const open = (fn: FunctionImpl, typeArguments: readonly MoveType[], n: number): Frame => {
    if (fn.body === undefined) settle()
    const body = fn.body ?? runtime.body(fn, meter)
    remaining -= body.steps
    const locals: Value[] = new Array(body.locals)
    top -= n
    for (let i = 0; i < n; i++) locals[i] = stack[top + i]!
    if (top > MAX_STACK) throw overflow('EXECUTION_STACK_OVERFLOW')
    return new Frame(fn, body.ops, locals, typeArguments)
  }

  const callNative = (op: Op, own: readonly MoveType[]): void => {
    const fn = op.callee!
    failing = fn
    top -= op.n
    settle()
    meter.charge(NATIVE_STEPS)
    const native = fn.native ?? runtime.native(fn)
    const call: NativeCall = { vm: runtime.vm, context, function: fn }
    const results = native(call, fillIn(runtime, op, own, meter), stack.slice(top, top + op.n))
    for (let i = 0; i < results.length; i++) stack[top++] = results[i]!
    failing = undefined
  }

  const copied = (value: Value | undefined): Value => {
    const whole = present(value)
    if (typeof whole !== 'object') return whole
    settle()
    return copy(whole, meter)
  }

  const areEqual = (a: Value | undefined, b: Value | undefined): boolean => {
    settle()
    return equal(present(a), present(b), meter)
  }

  for (const argument of args) stack[top++] = argument
  const frames: Frame[] = []
  let frame = open(entry, entryTypeArguments, args.length)
  let { ops, locals } = frame

  try {
    for (;;) {
      const op = ops[pc]!
      if (--remaining < 0) {
        settle()
        remaining = meter.take()
      }
      switch (op.code) {
        case 0x01: // Pop
          top--
          break
        case 0x02: {
          // Ret: the results are on the stack
          const caller = frames.pop()
          if (caller === undefined) return stack.slice(0, top)
          frame = caller
          ops = caller.ops
          locals = caller.locals
          pc = caller.next
          continue
        }
        case 0x03: // BrTrue
          if (stack[--top]) {
            pc = op.a
            continue
          }
          break
        case 0x04: // BrFalse
          if (!stack[--top]) {
            pc = op.a
            continue
          }
          break
        case 0x05: // Branch
          pc = op.a
          continue
        case 0x06: // literals and flat constants
          stack[top++] = op.value
          break
        case 0x82: // LdConst of a vector
          stack[top++] = copied(op.value)
          break
        case 0x0a: // CopyLoc
          stack[top++] = present(locals[op.a])
          break
        case 0x80: // CopyLoc of what may be an array
          stack[top++] = copied(locals[op.a])
          break
        case 0x0b: // MoveLoc
          stack[top++] = present(locals[op.a])
          locals[op.a] = MOVED
          break
        case 0x0c: // StLoc
          locals[op.a] = stack[--top]!
          break
        case 0x0e: // MutBorrowLoc, ImmBorrowLoc
          stack[top++] = new Reference(locals, op.a)
          break
        case 0x10: {
          // MutBorrowField, ImmBorrowField
          const r = stack[top - 1] as Reference
          stack[top - 1] = new Reference(r.cell[r.index] as Value[], op.a)
          break
        }
        case 0x11: {
          // Call
          if (frames.length + 1 >= MAX_CALLS) throw overflow('CALL_STACK_OVERFLOW')
          const callee = open(op.callee!, fillIn(runtime, op, frame.typeArguments, meter), op.n)
          frame.next = pc + 1
          frames.push(frame)
          frame = callee
          ops = callee.ops
          locals = callee.locals
          pc = 0
          continue
        }
        case 0x87: // Call of a native
          callNative(op, frame.typeArguments)
          break
        case 0x12: // Pack
          meter.allocate(op.bytes)
          top -= op.n
          stack[top] = stack.slice(top, top + op.n)
          top++
          break
        case 0x13: {
          // Unpack
          const fields = stack[--top] as Value[]
          for (let i = 0; i < op.n; i++) {
            stack[top++] = present(fields[i])
            fields[i] = MOVED
          }
          break
        }
        case 0x14: {
          // ReadRef
          const r = stack[top - 1] as Reference
          stack[top - 1] = present(r.cell[r.index])
          break
        }
        case 0x81: {
          // ReadRef of what may be an array
          const r = stack[top - 1] as Reference
          stack[top - 1] = copied(r.cell[r.index])
          break
        }
        case 0x15: {
          // WriteRef
          const r = stack[--top] as Reference
          r.cell[r.index] = stack[--top]!
          break
        }
        case 0x16: {
          // Add
          const b = stack[--top] as bigint
          const sum = (stack[top - 1] as bigint) + b
          if (sum > (op.value as bigint)) throw arithmetic()
          stack[top - 1] = sum
          break
        }
        case 0x90: {
          const b = stack[--top] as number
          const sum = (stack[top - 1] as number) + b
          if (sum > (op.value as number)) throw arithmetic()
          stack[top - 1] = sum
          break
        }
        case 0x17: {
          // Sub
          const b = stack[--top] as bigint
          const a = stack[top - 1] as bigint
          if (a < b) throw arithmetic()
          stack[top - 1] = a - b
          break
        }
        case 0x91: {
          const b = stack[--top] as number
          const a = stack[top - 1] as number
          if (a < b) throw arithmetic()
          stack[top - 1] = a - b
          break
        }
        case 0x18: {
          // Mul
          const b = stack[--top] as bigint
          const product = (stack[top - 1] as bigint) * b
          if (product > (op.value as bigint)) throw arithmetic()
          stack[top - 1] = product
          break
        }
        case 0x92: {
          // a product that is too long for a double is also too large
          const b = stack[--top] as number
          const product = (stack[top - 1] as number) * b
          if (product > (op.value as number)) throw arithmetic()
          stack[top - 1] = product
          break
        }
        case 0x19: {
          // Mod
          const b = stack[--top] as bigint
          if (b === 0n) throw arithmetic()
          stack[top - 1] = (stack[top - 1] as bigint) % b
          break
        }
        case 0x93: {
          const b = stack[--top] as number
          if (b === 0) throw arithmetic()
          stack[top - 1] = (stack[top - 1] as number) % b
          break
        }
        case 0x1a: {
          // Div
          const b = stack[--top] as bigint
          if (b === 0n) throw arithmetic()
          stack[top - 1] = (stack[top - 1] as bigint) / b
          break
        }
        case 0x94: {
          const b = stack[--top] as number
          if (b === 0) throw arithmetic()
          stack[top - 1] = Math.floor((stack[top - 1] as number) / b)
          break
        }
        case 0x1b: {
          // BitOr
          const b = stack[--top] as bigint
          stack[top - 1] = (stack[top - 1] as bigint) | b
          break
        }
        case 0x95: {
          const b = stack[--top] as number
          stack[top - 1] = ((stack[top - 1] as number) | b) >>> 0
          break
        }
        case 0x1c: {
          // BitAnd
          const b = stack[--top] as bigint
          stack[top - 1] = (stack[top - 1] as bigint) & b
          break
        }
        case 0x96: {
          const b = stack[--top] as number
          stack[top - 1] = ((stack[top - 1] as number) & b) >>> 0
          break
        }
        case 0x1d: {
          // Xor
          const b = stack[--top] as bigint
          stack[top - 1] = (stack[top - 1] as bigint) ^ b
          break
        }
        case 0x97: {
          const b = stack[--top] as number
          stack[top - 1] = ((stack[top - 1] as number) ^ b) >>> 0
          break
        }
        case 0x2f: {
          // Shl: bits that do not fit are lost
          const b = stack[--top] as number
          if (b >= op.a) throw arithmetic()
          stack[top - 1] = ((stack[top - 1] as bigint) << BigInt(b)) & (op.value as bigint)
          break
        }
        case 0x98: {
          const b = stack[--top] as number
          if (b >= op.a) throw arithmetic()
          stack[top - 1] = (((stack[top - 1] as number) << b) & (op.value as number)) >>> 0
          break
        }
        case 0x30: {
          // Shr
          const b = stack[--top] as number
          if (b >= op.a) throw arithmetic()
          stack[top - 1] = (stack[top - 1] as bigint) >> BigInt(b)
          break
        }
        case 0x99: {
          const b = stack[--top] as number
          if (b >= op.a) throw arithmetic()
          stack[top - 1] = (stack[top - 1] as number) >>> b
          break
        }
        case 0x1e: {
          // Or
          const b = stack[--top]!
          stack[top - 1] = stack[top - 1]! || b
          break
        }
        case 0x1f: {
          // And
          const b = stack[--top]!
          stack[top - 1] = stack[top - 1]! && b
          break
        }
        case 0x20: // Not
          stack[top - 1] = !stack[top - 1]
          break
        case 0x21: {
          // Eq
          const b = stack[--top]
          stack[top - 1] = stack[top - 1] === b
          break
        }
        case 0x22: {
          // Neq
          const b = stack[--top]
          stack[top - 1] = stack[top - 1] !== b
          break
        }
        case 0x83: // Eq of what may be arrays
        case 0x84: {
          const b = stack[--top]!
          stack[top - 1] = areEqual(stack[top - 1]!, b) === (op.code === 0x83)
          break
        }
        case 0x85: // Eq of what references refer to
        case 0x86: {
          const b = stack[--top] as Reference
          const a = stack[top - 1] as Reference
          stack[top - 1] = areEqual(a.cell[a.index], b.cell[b.index]) === (op.code === 0x85)
          break
        }
        case 0x23: {
          // Lt
          const b = stack[--top] as bigint
          stack[top - 1] = (stack[top - 1] as bigint) < b
          break
        }
        case 0x24: {
          // Gt
          const b = stack[--top] as bigint
          stack[top - 1] = (stack[top - 1] as bigint) > b
          break
        }
        case 0x25: {
          // Le
          const b = stack[--top] as bigint
          stack[top - 1] = (stack[top - 1] as bigint) <= b
          break
        }
        case 0x26: {
          // Ge
          const b = stack[--top] as bigint
          stack[top - 1] = (stack[top - 1] as bigint) >= b
          break
        }
        case 0x27: // Abort
          throw new VmError({
            kind: 'MoveAbort',
            code: stack[--top] as bigint,
            location: locationOf(frame.fn, pc),
          })
        case 0x28: // Nop, FreezeRef
          break
        case 0x88: // casts between numbers
          if ((stack[top - 1] as number) > (op.value as number)) throw arithmetic()
          break
        case 0x89: // number to bigint: always fits
          stack[top - 1] = BigInt(stack[top - 1] as number)
          break
        case 0x8a: {
          // bigint to number
          const a = stack[top - 1] as bigint
          if (a > (op.value as bigint)) throw arithmetic()
          stack[top - 1] = Number(a)
          break
        }
        case 0x8b: // casts between bigints
          if ((stack[top - 1] as bigint) > (op.value as bigint)) throw arithmetic()
          break
        case 0x40: // VecPack
          remaining -= op.n >> 3
          meter.allocate(op.bytes)
          top -= op.n
          stack[top] = stack.slice(top, top + op.n)
          top++
          break
        case 0x41: {
          // VecLen
          const r = stack[top - 1] as Reference
          stack[top - 1] = BigInt((r.cell[r.index] as Value[]).length)
          break
        }
        case 0x42: {
          // VecImmBorrow, VecMutBorrow
          const index = stack[--top] as bigint
          const r = stack[top - 1] as Reference
          const vector = r.cell[r.index] as Value[]
          if (index >= vector.length) throw vectorError(1)
          stack[top - 1] = new Reference(vector, Number(index))
          break
        }
        case 0x44: {
          // VecPushBack
          const value = stack[--top]!
          const r = stack[--top] as Reference
          const vector = r.cell[r.index] as Value[]
          if (vector.length >= MAX_VECTOR_LENGTH) throw vectorError(4)
          meter.allocate(vector.length === 0 ? FIRST_PUSH_BYTES + op.bytes : op.bytes)
          vector.push(value)
          break
        }
        case 0x45: {
          // VecPopBack
          const r = stack[top - 1] as Reference
          const value = (r.cell[r.index] as Value[]).pop()
          if (value === undefined) throw vectorError(2)
          stack[top - 1] = value
          break
        }
        case 0x46: {
          // VecUnpack
          const vector = stack[--top] as Value[]
          if (vector.length !== op.n) throw vectorError(3)
          remaining -= op.n >> 3
          for (let i = 0; i < op.n; i++) stack[top++] = vector[i]!
          vector.length = 0
          break
        }
        case 0x47: {
          // VecSwap
          const b = stack[--top] as bigint
          const a = stack[--top] as bigint
          const r = stack[--top] as Reference
          const vector = r.cell[r.index] as Value[]
          if (a >= vector.length || b >= vector.length) throw vectorError(1)
          const i = Number(a)
          const j = Number(b)
          const value = vector[i]!
          vector[i] = vector[j]!
          vector[j] = value
          break
        }
        case 0xa0: // PackVariant
          meter.allocate(op.bytes)
          top -= op.n
          stack[top] = new EnumValue(op.a, stack.slice(top, top + op.n))
          top++
          break
        case 0xa1: {
          // UnpackVariant
          const { tag, fields } = stack[--top] as EnumValue
          if (tag !== op.a) throw wrongVariant()
          for (let i = 0; i < op.n; i++) {
            stack[top++] = present(fields[i])
            fields[i] = MOVED
          }
          break
        }
        case 0xa2: {
          // UnpackVariantImmRef, UnpackVariantMutRef
          const r = stack[--top] as Reference
          const { tag, fields } = r.cell[r.index] as EnumValue
          if (tag !== op.a) throw wrongVariant()
          for (let i = 0; i < op.n; i++) stack[top++] = new Reference(fields, i)
          break
        }
        case 0x56: {
          // VariantSwitch
          const r = stack[--top] as Reference
          pc = op.targets![(r.cell[r.index] as EnumValue).tag]!
          continue
        }
        default:
          throw new VmError({ kind: 'VMInvariantViolation', reason: `unknown op ${op.code}` })
      }
      pc++
    }
  } catch (error) {
    throw failing !== undefined ? locate(error, failing, 0) : locate(error, frame.fn, pc)
  } finally {
    settle()
  }
}
