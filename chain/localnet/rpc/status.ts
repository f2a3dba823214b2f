import { CodedError } from '../../../base/coded-error.ts'
import { LedgerError, type LedgerErrorCode } from '../ledger/errors.ts'

/** gRPC's status codes that the server uses. */
export const STATUS = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const satisfies Partial<Record<LedgerErrorCode, number>> & Record<string, number>

export type StatusName = keyof typeof STATUS

/** Why a limit refused a call; counted. */
export type Refusal = 'connections' | 'address' | 'rate' | 'size' | 'depth' | 'time' | 'disk' | 'token'

/** What a call fails with; `refusal` is set when it was a limit that refused it. */
export class RpcStatus extends CodedError<Record<StatusName, { refusal?: Refusal }>> {
  override readonly name = 'RpcStatus'

  constructor(
    code: StatusName,
    message: string,
    { refusal, cause }: ErrorOptions & { refusal?: Refusal } = {},
  ) {
    super(code, message, { refusal }, { cause })
  }
}

export const notFound = (what: string): RpcStatus => new RpcStatus('NOT_FOUND', `${what} not found`)

/** As Sui's nodes say it. */
export const pruned = (checkpoint: bigint, lowest: bigint): RpcStatus =>
  new RpcStatus(
    'INVALID_ARGUMENT',
    `Requested start checkpoint ${checkpoint} has been pruned. Lowest available checkpoint is ${lowest}`,
  )

export const invalid = (message: string): RpcStatus => new RpcStatus('INVALID_ARGUMENT', message)

/** A limit's refusal. */
export const limited = (
  refusal: Refusal,
  message: string,
  status: StatusName = 'INVALID_ARGUMENT',
): RpcStatus => new RpcStatus(status, message, { refusal })

/** Internal text stays inside: an unexpected error only says that there was one. */
export function toStatus(error: unknown): RpcStatus {
  if (error instanceof RpcStatus) return error
  if (error instanceof LedgerError) return new RpcStatus(error.code, error.message, { cause: error })
  return new RpcStatus('INTERNAL', 'internal error', { cause: error })
}
