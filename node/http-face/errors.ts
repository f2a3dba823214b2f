import { ERROR_CODES, ProtocolError, type ProtocolErrorCode } from '../../protocols/index.ts'
import { HttpError, unexpected } from '../http/errors.ts'

/** Statuses as Walrus's clients read them: 400 with NOT_REGISTERED is what they try again on, 404 counts as absence. */
const STATUS: Partial<Record<ProtocolErrorCode, number>> = {
  NOT_REGISTERED: 400,
  METADATA_MISMATCH: 400,
  MALFORMED: 400,
  SLIVER_MISMATCH: 400,
  UNWANTED_SLIVER: 400,
  INCOMPLETE: 404,
  NOT_IN_COMMITTEE: 409,
  EPOCH_CHANGED: 409,
  BLOB_INVALID: 410,
  BLOB_GONE: 410,
  TOO_LARGE: 413,
  BUSY: 429,
  TOO_MANY_FAILURES: 429,
  CHAIN_UNAVAILABLE: 503,
  CLOSED: 503,
  STOPPING: 503,
  TIMEOUT: 504,
  BLOCKED: 451,
  NO_SPACE: 507,
}

/** Turns whatever a handler threw into an answer; what is not meant for strangers stays in `cause`. */
export function toHttpError(error: unknown): HttpError {
  if (!(error instanceof ProtocolError)) return unexpected(error)
  const status = STATUS[error.code]
  if (status === undefined) return unexpected(error)
  return new HttpError(status, error.code, ERROR_CODES[error.code].text, {
    metadata: error.args,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(error.retryAfterMs / 1000) }),
    cause: error,
  })
}
