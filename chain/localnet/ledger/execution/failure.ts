import type { bcs } from '@mysten/sui/bcs'
import { type MoveLocation, VmError, type VmFailure } from '../../vm/index.ts'

type StatusInput = Parameters<typeof bcs.TransactionEffects.serialize>[0]
type EffectsV2Input = Extract<StatusInput, { V2: unknown }>['V2']

/** A transaction's status in the form of Sui's BCS. */
export type StatusBcs = EffectsV2Input['status']
type Failed = Extract<StatusBcs, { Failure: unknown }>['Failure']
/** Sui's ExecutionFailureStatus, in the form that `@mysten/sui/bcs` takes. */
export type FailureBcs = Failed['error']
export type ArgumentFailure = Extract<
  FailureBcs,
  { CommandArgumentError: unknown }
>['CommandArgumentError']['kind']

/** The transaction fails: it is charged for gas and changes nothing else. */
export class ExecutionFailure extends Error {
  override readonly name = 'ExecutionFailure'
  readonly status: FailureBcs

  constructor(status: FailureBcs, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

const nameOf = (value: object): string => Object.keys(value)[0]!

export const fail = (status: FailureBcs, message = nameOf(status)): ExecutionFailure =>
  new ExecutionFailure(status, message)

/** A command's argument breaks a rule. */
export const argumentFailure = (index: number, kind: ArgumentFailure): ExecutionFailure =>
  fail(
    { CommandArgumentError: { argIdx: index, kind } },
    `Invalid command argument at ${index}: ${nameOf(kind)}`,
  )

const locationBcs = (location: MoveLocation) => ({
  module: { address: location.address, name: location.module },
  function: location.function,
  instruction: location.instruction,
  functionName: location.functionName,
})

const where = (location?: MoveLocation): string =>
  location !== undefined
    ? ` in ${location.address}::${location.module}::${location.functionName} (function ${location.function}) at instruction ${location.instruction}`
    : ''

function fromVm(failure: VmFailure, message: string): ExecutionFailure {
  switch (failure.kind) {
    case 'MoveAbort':
      return fail(
        { MoveAbort: [locationBcs(failure.location), failure.code] },
        `MoveAbort with code ${failure.code}${where(failure.location)}`,
      )
    case 'MovePrimitiveRuntimeError':
      return fail(
        { MovePrimitiveRuntimeError: failure.location !== undefined ? locationBcs(failure.location) : null },
        `Move primitive runtime error ${failure.reason}${where(failure.location)}`,
      )
    case 'InsufficientGas':
      return fail({ InsufficientGas: true }, message)
    case 'VMVerificationOrDeserializationError':
      return fail({ VMVerificationOrDeserializationError: true }, message)
    case 'SuiMoveVerificationTimedout':
      return fail({ SuiMoveVerificationTimedout: true }, message)
    case 'PublishErrorNonZeroAddress':
      return fail({ PublishErrorNonZeroAddress: true }, message)
    case 'FunctionNotFound':
      return fail({ FunctionNotFound: true }, message)
    case 'TypeArityMismatch':
      return fail({ TypeArityMismatch: true }, message)
    case 'TypeArgumentError':
      return fail(
        { TypeArgumentError: { argumentIdx: failure.argument, kind: { [failure.reason]: true } as never } },
        message,
      )
    case 'DeserializationError':
    case 'VMInvariantViolation':
      return fail({ VMInvariantViolation: true }, message)
  }
}

/** What a thrown value means for the transaction; anything unexpected is thrown on. */
export function toFailure(error: unknown): ExecutionFailure {
  if (error instanceof ExecutionFailure) return error
  if (error instanceof VmError) return fromVm(error.failure, error.message)
  throw error
}

/** The status as it stands in the effects. */
export const statusOf = (failure: ExecutionFailure | undefined, command: number | undefined): StatusBcs =>
  failure !== undefined
    ? { Failure: { error: failure.status, command: command === undefined ? null : command } }
    : { Success: true }
