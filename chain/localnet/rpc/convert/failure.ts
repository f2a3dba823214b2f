import type { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { cleverError, type FindModule } from './clever-error.ts'

type Effects = Extract<ReturnType<typeof bcs.TransactionEffects.parse>, { $kind: 'V2' }>['V2']
type Failure = Extract<Effects['status'], { $kind: 'Failure' }>['Failure']['error']
type Location = Extract<Failure, { $kind: 'MoveAbort' }>['MoveAbort'][0]
type Details = GrpcTypes.ExecutionError['errorDetails']

const Kind = GrpcTypes.ExecutionError_ExecutionErrorKind
const ArgumentKind = GrpcTypes.CommandArgumentError_CommandArgumentErrorKind
const UpgradeKind = GrpcTypes.PackageUpgradeError_PackageUpgradeErrorKind

/** `UnusedValueWithoutDrop` -> `UNUSED_VALUE_WITHOUT_DROP`. */
const upperSnake = (name: string): string =>
  name
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toUpperCase()

/** Names that gRPC spells in another way than the effects. */
const RENAMED: Record<string, string> = {
  MoveObjectTooBig: 'OBJECT_TOO_BIG',
  MovePackageTooBig: 'PACKAGE_TOO_BIG',
  SharedObjectOperationNotAllowed: 'CONSENSUS_OBJECT_OPERATION_NOT_ALLOWED',
  InvalidUsageOfPureArg: 'INVALID_USAGE_OF_PURE_ARGUMENT',
}

function enumValue<T extends Record<string, unknown>>(values: T, name: string): number {
  const value = values[RENAMED[name] ?? upperSnake(name)]
  return typeof value === 'number' ? value : 0
}

const location = ({ module, function: fn, instruction, functionName }: Location): GrpcTypes.MoveLocation => ({
  package: module.address,
  module: module.name,
  function: fn,
  instruction,
  functionName: functionName ?? undefined,
})

const sizes = (size: string, maxSize: string): Details => ({
  oneofKind: 'sizeError',
  sizeError: { size: BigInt(size), maxSize: BigInt(maxSize) },
})

function details(failure: Failure, find: FindModule): Details {
  switch (failure.$kind) {
    case 'MoveAbort': {
      const [at, code] = failure.MoveAbort
      return {
        oneofKind: 'abort',
        abort: {
          abortCode: BigInt(code),
          location: location(at),
          cleverError: cleverError(find, at.module.address, at.module.name, BigInt(code)),
        },
      }
    }
    case 'MovePrimitiveRuntimeError': {
      const at = failure.MovePrimitiveRuntimeError
      return at !== null
        ? { oneofKind: 'abort', abort: { location: location(at) } }
        : { oneofKind: undefined }
    }
    case 'MoveObjectTooBig':
      return sizes(failure.MoveObjectTooBig.objectSize, failure.MoveObjectTooBig.maxObjectSize)
    case 'MovePackageTooBig':
      return sizes(failure.MovePackageTooBig.objectSize, failure.MovePackageTooBig.maxObjectSize)
    case 'EffectsTooLarge':
      return sizes(failure.EffectsTooLarge.currentSize, failure.EffectsTooLarge.maxSize)
    case 'WrittenObjectsTooLarge':
      return sizes(failure.WrittenObjectsTooLarge.currentSize, failure.WrittenObjectsTooLarge.maxSize)
    case 'CommandArgumentError': {
      const { argIdx, kind } = failure.CommandArgumentError
      return {
        oneofKind: 'commandArgumentError',
        commandArgumentError: {
          argument: argIdx,
          kind: enumValue(ArgumentKind, kind.$kind),
          indexError: indexError(kind),
        },
      }
    }
    case 'TypeArgumentError': {
      const { argumentIdx, kind } = failure.TypeArgumentError
      return {
        oneofKind: 'typeArgumentError',
        typeArgumentError: {
          typeArgument: argumentIdx,
          kind: enumValue(GrpcTypes.TypeArgumentError_TypeArgumentErrorKind, kind.$kind),
        },
      }
    }
    case 'UnusedValueWithoutDrop': {
      const { resultIdx, secondaryIdx } = failure.UnusedValueWithoutDrop
      return { oneofKind: 'indexError', indexError: { index: resultIdx, subresult: secondaryIdx } }
    }
    case 'InvalidPublicFunctionReturnType':
      return { oneofKind: 'indexError', indexError: { index: failure.InvalidPublicFunctionReturnType.idx } }
    case 'PackageUpgradeError':
      return upgradeError(failure.PackageUpgradeError.upgradeError)
    default:
      return { oneofKind: undefined }
  }
}

type ArgumentFailure = Extract<Failure, { $kind: 'CommandArgumentError' }>['CommandArgumentError']['kind']

function indexError(kind: ArgumentFailure): GrpcTypes.IndexError | undefined {
  switch (kind.$kind) {
    case 'IndexOutOfBounds':
      return { index: kind.IndexOutOfBounds.idx }
    case 'SecondaryIndexOutOfBounds':
      return {
        index: kind.SecondaryIndexOutOfBounds.resultIdx,
        subresult: kind.SecondaryIndexOutOfBounds.secondaryIdx,
      }
    case 'InvalidResultArity':
      return { index: kind.InvalidResultArity.resultIdx }
    default:
      return undefined
  }
}

type UpgradeFailure = Extract<
  Failure,
  { $kind: 'PackageUpgradeError' }
>['PackageUpgradeError']['upgradeError']

function upgradeError(error: UpgradeFailure): Details {
  const kind = enumValue(
    UpgradeKind,
    error.$kind === 'PackageIDDoesNotMatch' ? 'PackageIdDoesNotMatch' : error.$kind,
  )
  const packageUpgradeError: GrpcTypes.PackageUpgradeError = { kind }
  switch (error.$kind) {
    case 'UnableToFetchPackage':
      packageUpgradeError.packageId = error.UnableToFetchPackage.packageId
      break
    case 'NotAPackage':
      packageUpgradeError.packageId = error.NotAPackage.objectId
      break
    case 'DigestDoesNotMatch':
      packageUpgradeError.digest = Buffer.from(error.DigestDoesNotMatch.digest).toString('base64')
      break
    case 'UnknownUpgradePolicy':
      packageUpgradeError.policy = error.UnknownUpgradePolicy.policy
      break
    case 'PackageIDDoesNotMatch':
      packageUpgradeError.packageId = error.PackageIDDoesNotMatch.packageId
      packageUpgradeError.ticketId = error.PackageIDDoesNotMatch.ticketId
      break
  }
  return { oneofKind: 'packageUpgradeError', packageUpgradeError }
}

export function statusMessage(
  status: Effects['status'],
  description: string | undefined,
  find: FindModule,
): GrpcTypes.ExecutionStatus {
  if (status.$kind === 'Success') return { success: true }
  const { error, command } = status.Failure
  return {
    success: false,
    error: {
      kind: enumValue(Kind, error.$kind),
      description: description ?? error.$kind,
      command: command === null ? undefined : BigInt(command),
      errorDetails: details(error, find),
    },
  }
}
