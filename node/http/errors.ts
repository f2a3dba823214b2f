import { codesOf } from '../../base/causes.ts'
import { CodedError } from '../../base/coded-error.ts'
import type { ProtocolErrorCode } from '../../protocols/index.ts'
import type { ClientErrorCode } from '../client/errors.ts'

/** What goes wrong in HTTP itself. */
export type HttpErrorReason =
  | 'INVALID_BLOB_ID'
  | 'INVALID_PATCH_ID'
  | 'INVALID_OBJECT_ID'
  | 'INVALID_PARAMETER'
  | 'MALFORMED_REQUEST'
  | 'FORBIDDEN_HOST'
  | 'FORBIDDEN_ORIGIN'
  | 'PUBLISHING_OFF'
  | 'MANAGING_OFF'
  | 'NOT_DELETABLE'
  | 'NOT_CERTIFIED'
  | 'SEVERAL_OBJECTS'
  | 'NO_SUCH_ROUTE'
  | 'NO_PAGE'
  | 'METHOD_NOT_ALLOWED'
  | 'BODY_TOO_LARGE'
  | 'BODY_TOO_SLOW'
  | 'PRECONDITION_FAILED'
  | 'RANGE_NOT_SATISFIABLE'
  | 'QUILT_INVALID'
  | 'QUILT_PATCH_NOT_FOUND'
  | 'UNSUPPORTED_ENCODING'
  | 'CONTENT_RANGE'
  | 'INVALID_DIGEST'
  | 'DIGEST_MISMATCH'
  | 'GATEWAY_NO_SPACE'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'IDEMPOTENCY_KEY_IN_USE'
  | 'NO_SUCH_UPLOAD'
  | 'UPLOAD_INCOMPLETE'
  | 'TOKEN_MISSING'
  | 'TOKEN_INVALID'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_USED'
  | 'TOKEN_FOR_OTHER'
  | 'QUOTA_EXCEEDED'
  | 'TIP_REQUIRED'
  | 'TIP_NOT_FOUND'
  | 'TIP_TOO_OLD'
  | 'TIP_TOO_SMALL'
  | 'TIP_USED'
  | 'BUSY'
  | 'OUT_OF_FILES'
  | 'LEDGER_NOT_WRITABLE'
  | 'STOPPING'
  | 'TIMEOUT'
  | 'METADATA_NOT_STORED'
  | 'NOT_STORED'
  | 'WRONG_LENGTH'
  | 'INTERNAL'

/** Why a request was not answered as asked, machine-readable. The list is closed. */
export type ErrorReason = HttpErrorReason | ClientErrorCode | ProtocolErrorCode

/** An answer other than success; its message is written for the one who sent the request. */
export class HttpError extends CodedError<Record<ErrorReason, Record<string, string | number>>> {
  override readonly name = 'HttpError'
  readonly status: number
  readonly headers: Record<string, string>

  constructor(
    status: number,
    code: ErrorReason,
    message: string,
    options: {
      metadata?: Record<string, string | number>
      headers?: Record<string, string>
      retryAfterSeconds?: number
      cause?: unknown
    } = {},
  ) {
    super(code, message, options.metadata ?? {}, options)
    this.status = status
    this.headers = { ...options.headers }
    if (options.retryAfterSeconds !== undefined)
      this.headers['retry-after'] = String(options.retryAfterSeconds)
  }
}

// the canonical names that go with Walrus's error bodies
const STATUS_NAMES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  408: 'DEADLINE_EXCEEDED',
  409: 'FAILED_PRECONDITION',
  410: 'FAILED_PRECONDITION',
  412: 'FAILED_PRECONDITION',
  413: 'INVALID_ARGUMENT',
  415: 'INVALID_ARGUMENT',
  416: 'OUT_OF_RANGE',
  417: 'INVALID_ARGUMENT',
  422: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  431: 'INVALID_ARGUMENT',
  451: 'FAILED_PRECONDITION',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
  505: 'UNIMPLEMENTED',
  507: 'RESOURCE_EXHAUSTED',
}

/** `{ error: { status, code, message, details } }`, as Walrus's services shape it. */
export function errorBody(error: HttpError): object {
  return {
    error: {
      status: STATUS_NAMES[error.status] ?? 'UNKNOWN',
      code: error.status,
      message: error.message,
      details: [{ '@type': 'ErrorInfo', reason: error.code, domain: 'floe', metadata: error.details }],
    },
  }
}

/** The answer when the process, or the system, had no file descriptor left for what was to be done. */
export function outOfFiles(error: unknown): HttpError | undefined {
  if (!codesOf(error).some(code => code === 'EMFILE' || code === 'ENFILE')) return undefined
  return new HttpError(503, 'OUT_OF_FILES', 'too many files and connections are open here: try again later', {
    retryAfterSeconds: 5,
    cause: error,
  })
}

/** The answer to an error that no table knows; what is not meant for strangers stays in `cause`. */
export function unexpected(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new HttpError(504, 'TIMEOUT', 'the network took too long to answer', {
      retryAfterSeconds: 5,
      cause: error,
    })
  }
  return new HttpError(500, 'INTERNAL', 'something went wrong inside; the log says what', { cause: error })
}
