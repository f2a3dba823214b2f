import type { SuiClientTypes } from '@mysten/sui/client'
import { SimulationError } from '@mysten/sui/client'
import { normalizeStructTag } from '@mysten/sui/utils'
import { parseObjectId } from '../../codec/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { abortName } from '../abort-names.ts'
import { ChainError } from '../errors.ts'

const INCLUDE = { effects: true, events: true, objectTypes: true } as const

export type Executed = SuiClientTypes.TransactionResult<typeof INCLUDE>

/** An object that a transaction made, wrote or removed. */
export interface Change {
  objectId: string
  /** in its normal form; empty for packages */
  type: string
  created: boolean
  output: 'object' | 'package' | 'none'
  /** of the object as it is now */
  digest: string | null
  owner: SuiClientTypes.ObjectOwner | null
}

/** What a transaction did. */
export interface Outcome {
  digest: string
  /** version of every object it wrote */
  version: string
  changed: Change[]
  events: SuiClientTypes.Event[]
}

export const OUTCOME_INCLUDE = INCLUDE

/** The outcome of a success; throws MOVE_ABORT or TRANSACTION_FAILED for what was executed and failed. */
export function toOutcome(result: Executed): Outcome {
  if (result.$kind === 'FailedTransaction') {
    const { digest, status } = result.FailedTransaction
    throw executionFailure(status.error ?? undefined, digest)
  }
  const { digest, effects, events, objectTypes } = result.Transaction
  return {
    digest,
    version: effects.lamportVersion ?? '0',
    changed: effects.changedObjects.map(change => ({
      objectId: change.objectId,
      type: normalType(objectTypes[change.objectId]),
      created: change.idOperation === 'Created',
      output:
        change.outputState === 'PackageWrite'
          ? 'package'
          : change.outputState === 'ObjectWrite'
            ? 'object'
            : 'none',
      digest: change.outputDigest,
      owner: change.outputOwner,
    })),
    events,
  }
}

/** The shared blob that a transaction made. */
export function sharedBlobIn({ changed }: Outcome): ObjectId {
  const created = changed.find(change => change.created && change.type.endsWith('::shared_blob::SharedBlob'))
  if (!created) throw new ChainError('MALFORMED', 'sharing made no SharedBlob', { what: 'shared blob' })
  return parseObjectId(created.objectId)
}

function normalType(type: string | undefined): string {
  return type?.includes('::') ? normalizeStructTag(type) : ''
}

/** The failure that a simulation found, if that is what the error says: nothing was sent. */
export function simulationFailure(error: unknown): ChainError | undefined {
  if (!(error instanceof SimulationError) || !error.executionError) return undefined
  return executionFailure(error.executionError, undefined, error)
}

function executionFailure(
  error: SuiClientTypes.ExecutionError | undefined,
  digest: string | undefined,
  cause?: unknown,
): ChainError {
  const where = { command: error?.command, digest }
  if (error?.$kind === 'MoveAbort') {
    const { abortCode, location } = error.MoveAbort
    const module = location?.module ?? 'unknown'
    const code = BigInt(abortCode)
    const name = abortName(module, code)
    const details = {
      module,
      abortCode: code,
      function: location?.functionName,
      name,
      ...where,
    }
    const place = [module, location?.functionName].filter(Boolean).join('::')
    return new ChainError('MOVE_ABORT', `${place} aborted with ${name ?? `code ${code}`}`, details, { cause })
  }
  const kind = error ? kindOf(error) : 'Unknown'
  return new ChainError(
    'TRANSACTION_FAILED',
    error?.message ?? 'the transaction failed',
    { kind, ...where },
    { cause },
  )
}

/** Sui's own name of a failure, where the SDK passes it on. */
function kindOf(error: SuiClientTypes.ExecutionError): string {
  switch (error.$kind) {
    case 'CommandArgumentError':
      return error.CommandArgumentError.name
    case 'TypeArgumentError':
      return error.TypeArgumentError.name
    case 'PackageUpgradeError':
      return error.PackageUpgradeError.name
    case 'SizeError':
      return error.SizeError.name
    case 'Unknown':
      return /\b[A-Z][A-Za-z]+\b/.exec(error.message)?.[0] ?? 'Unknown'
    default:
      return error.$kind
  }
}
