import { CodedError } from '../../../base/coded-error.ts'
import type { Address } from './types.ts'

/** Where an instruction is, as Sui reports it. */
export interface MoveLocation {
  /** storage ID: the version of the package that ran */
  address: Address
  module: string
  /** index of the function definition in its module */
  function: number
  functionName: string
  /** index of the instruction in the function; 0 in natives */
  instruction: number
}

/** Why a primitive instruction failed. */
export type PrimitiveFailure =
  | 'ARITHMETIC_ERROR'
  /** sub-status: 1 index out of bounds, 2 pop from an empty vector, 3 wrong length to unpack */
  | 'VECTOR_ERROR'
  | 'VARIANT_TAG_MISMATCH'
  | 'CALL_STACK_OVERFLOW'
  | 'EXECUTION_STACK_OVERFLOW'
  | 'TYPE_TOO_LARGE'
  | 'VALUE_TOO_DEEP'
  | 'NATIVE_FAILURE'

/** `kind` is the name in Sui's ExecutionFailureStatus where there is one. */
export type VmFailure =
  | { kind: 'MoveAbort'; code: bigint; location: MoveLocation }
  | {
      kind: 'MovePrimitiveRuntimeError'
      reason: PrimitiveFailure
      subStatus?: number
      location?: MoveLocation
    }
  /** a bound on a transaction's work was reached */
  | { kind: 'InsufficientGas'; what: 'steps' | 'memory' | 'time'; location?: MoveLocation }
  /** a package takes longer to verify than a transaction may take */
  | { kind: 'SuiMoveVerificationTimedout'; reason: string }
  | { kind: 'VMVerificationOrDeserializationError'; reason: string; module?: string }
  | { kind: 'PublishErrorNonZeroAddress'; module: string }
  /** a bug in the VM or a value that does not fit its type: never the fault of a verified module alone */
  | { kind: 'VMInvariantViolation'; reason: string }
  | { kind: 'FunctionNotFound'; function: string }
  | { kind: 'TypeArityMismatch'; expected: number; actual: number }
  | { kind: 'TypeArgumentError'; argument: number; reason: 'TypeNotFound' | 'ConstraintNotSatisfied' }
  /** bytes that are not the canonical BCS of a type */
  | { kind: 'DeserializationError'; reason: string; type: string }

export type VmErrorKind = VmFailure['kind']

/** Everything the VM throws on bad input or in Move code; the code is the failure's kind. */
export class VmError extends CodedError<{ [Kind in VmErrorKind]: Extract<VmFailure, { kind: Kind }> }> {
  override readonly name = 'VmError'

  constructor(failure: VmFailure, options?: ErrorOptions) {
    super(failure.kind, describe(failure), failure, options)
  }

  get failure(): VmFailure {
    return this.details
  }

  get kind(): VmErrorKind {
    return this.code
  }
}

/** Thrown by natives, and by the ledger's NativeContext, to abort with a code at the native's location. */
export class NativeAbort extends CodedError<{ NATIVE_ABORT: { abortCode: bigint } }> {
  override readonly name = 'NativeAbort'

  constructor(abortCode: bigint | number) {
    super('NATIVE_ABORT', `native abort ${abortCode}`, { abortCode: BigInt(abortCode) })
  }
}

const at = (location?: MoveLocation): string =>
  location !== undefined
    ? ` in ${location.address}::${location.module}::${location.functionName} at ${location.instruction}`
    : ''

function describe(failure: VmFailure): string {
  switch (failure.kind) {
    case 'MoveAbort':
      return `MoveAbort ${failure.code}${at(failure.location)}`
    case 'MovePrimitiveRuntimeError':
      return `${failure.reason}${failure.subStatus === undefined ? '' : ` ${failure.subStatus}`}${at(failure.location)}`
    case 'InsufficientGas':
      return `the limit on ${failure.what} was reached${at(failure.location)}`
    case 'VMVerificationOrDeserializationError':
      return `invalid module${failure.module === undefined ? '' : ` ${failure.module}`}: ${failure.reason}`
    case 'SuiMoveVerificationTimedout':
      return `the package takes too long to verify: ${failure.reason}`
    case 'PublishErrorNonZeroAddress':
      return `module ${failure.module} already has an address`
    case 'VMInvariantViolation':
      return `invariant violated: ${failure.reason}`
    case 'FunctionNotFound':
      return `no function ${failure.function}`
    case 'TypeArityMismatch':
      return `${failure.expected} type arguments expected, ${failure.actual} given`
    case 'TypeArgumentError':
      return `type argument ${failure.argument}: ${failure.reason}`
    case 'DeserializationError':
      return `not a ${failure.type}: ${failure.reason}`
  }
}
