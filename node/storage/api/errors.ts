import { ERROR_CODES, type ProtocolErrorCode, toProtocolError } from '../../../protocols/index.ts'
import { HttpError, outOfFiles, unexpected } from '../../http/errors.ts'

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
export function toHttpError(thrown: unknown): HttpError {
  const busy = outOfFiles(thrown)
  if (busy !== undefined) return busy
  if (thrown instanceof HttpError) return thrown
  const error = toProtocolError(thrown)
  const status = STATUS[error.code]
  if (status === undefined) return unexpected(thrown)
  return new HttpError(status, error.code, ERROR_CODES[error.code].text, {
    metadata: error.args,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(error.retryAfterMs / 1000) }),
    cause: error,
  })
}
