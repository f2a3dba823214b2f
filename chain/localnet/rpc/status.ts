import { LedgerError, type LedgerErrorCode } from '../ledger/errors.ts'

/** gRPC's status codes that the server uses. */
export const STATUS = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
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

/** What a call fails with. */
export class RpcStatus extends Error {
  override readonly name = 'RpcStatus'
  readonly status: StatusName

  constructor(status: StatusName, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

export const notFound = (what: string): RpcStatus => new RpcStatus('NOT_FOUND', `${what} not found`)

export const invalid = (message: string): RpcStatus => new RpcStatus('INVALID_ARGUMENT', message)

/** Internal text stays inside: an unexpected error only says that there was one. */
export function toStatus(error: unknown): RpcStatus {
  if (error instanceof RpcStatus) return error
  if (error instanceof LedgerError) return new RpcStatus(error.code, error.message, { cause: error })
  return new RpcStatus('INTERNAL', 'internal error', { cause: error })
}
