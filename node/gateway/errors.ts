import type { ClientError, ClientErrorCode } from '../errors.ts'
import { isClientError } from '../errors.ts'

/** What goes wrong at the HTTP face itself. */
export type HttpErrorReason =
  | 'INVALID_BLOB_ID'
  | 'INVALID_PARAMETER'
  | 'MALFORMED_REQUEST'
  | 'FORBIDDEN_HOST'
  | 'FORBIDDEN_ORIGIN'
  | 'PUBLISHING_OFF'
  | 'NO_SUCH_ROUTE'
  | 'METHOD_NOT_ALLOWED'
  | 'BODY_TOO_LARGE'
  | 'BODY_TOO_SLOW'
  | 'RANGE_NOT_SATISFIABLE'
  | 'UNSUPPORTED_ENCODING'
  | 'BUSY'
  | 'STOPPING'
  | 'TIMEOUT'
  | 'INTERNAL'

/** An answer other than success; its message is written for the one who sent the request. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  readonly reason: HttpErrorReason | ClientErrorCode
  readonly metadata: Record<string, string | number>
  readonly headers: Record<string, string>

  constructor(
    status: number,
    reason: HttpErrorReason | ClientErrorCode,
    message: string,
    options: {
      metadata?: Record<string, string | number>
      headers?: Record<string, string>
      retryAfterSeconds?: number
      cause?: unknown
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = status
    this.reason = reason
    this.metadata = options.metadata ?? {}
    this.headers = { ...options.headers }
    if (options.retryAfterSeconds !== undefined)
      this.headers['retry-after'] = String(options.retryAfterSeconds)
  }
}

// the canonical names that go with Walrus's error bodies
const STATUS_NAMES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  408: 'DEADLINE_EXCEEDED',
  410: 'FAILED_PRECONDITION',
  413: 'INVALID_ARGUMENT',
  415: 'INVALID_ARGUMENT',
  416: 'OUT_OF_RANGE',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  502: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

/** `{ error: { status, code, message, details } }`, as Walrus's services shape it. */
export function errorBody(error: HttpError): object {
  return {
    error: {
      status: STATUS_NAMES[error.status] ?? 'UNKNOWN',
      code: error.status,
      message: error.message,
      details: [{ '@type': 'ErrorInfo', reason: error.reason, domain: 'floe', metadata: error.metadata }],
    },
  }
}

const CLIENT_STATUS: Record<ClientErrorCode, { status: number; retryAfterSeconds?: number }> = {
  BLOB_NOT_FOUND: { status: 404 },
  // it was there once, and no retry brings it back
  BLOB_INVALID: { status: 410 },
  TOO_FEW_SHARDS: { status: 503, retryAfterSeconds: 5 },
  TOO_FEW_CONFIRMATIONS: { status: 504, retryAfterSeconds: 5 },
  BLOB_TOO_LARGE: { status: 413 },
  INVALID_OPTION: { status: 400 },
  // the gateway's own wallet is empty: its operator has to act, not the sender
  INSUFFICIENT_FUNDS: { status: 503, retryAfterSeconds: 60 },
  NO_WALLET: { status: 403 },
  CHAIN_UNAVAILABLE: { status: 503, retryAfterSeconds: 5 },
  CHAIN_REJECTED: { status: 502 },
  CLOSED: { status: 503, retryAfterSeconds: 5 },
}

/** Turns whatever a handler threw into an answer; what is not meant for strangers stays in `cause`. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (isClientError(error)) return fromClientError(error)
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new HttpError(504, 'TIMEOUT', 'the network took too long to answer', {
      retryAfterSeconds: 5,
      cause: error,
    })
  }
  return new HttpError(500, 'INTERNAL', 'something went wrong inside the gateway; its log says what', {
    cause: error,
  })
}

function fromClientError(error: ClientError): HttpError {
  const metadata: Record<string, string | number> = {}
  for (const [key, value] of Object.entries(error.details)) {
    if (typeof value === 'string' || typeof value === 'number') metadata[key] = value
  }
  const { status, retryAfterSeconds } = CLIENT_STATUS[error.code]
  return new HttpError(status, error.code, error.message, { metadata, retryAfterSeconds, cause: error })
}
