import { RecordsFull } from '../../base/records.ts'
import { isCodecError } from '../../codec/index.ts'
import { type ClientError, type ClientErrorCode, isClientError } from '../client/errors.ts'
import { HttpError, unexpected } from '../http/errors.ts'

interface StatusOfError {
  status: number
  retryAfterSeconds?: number
  /** said instead of the error's own words and data, which are for the operator */
  instead?: string
}

const CLIENT_STATUS: Record<ClientErrorCode, StatusOfError> = {
  BLOB_NOT_FOUND: { status: 404 },
  // as Walrus's aggregators have it; the reason tells the two apart
  BLOB_ENDED: { status: 404 },
  // it was there once, and no retry brings it back
  BLOB_INVALID: { status: 410 },
  TOO_FEW_SHARDS: { status: 503, retryAfterSeconds: 5 },
  TOO_FEW_CONFIRMATIONS: { status: 504, retryAfterSeconds: 5 },
  NO_SPACE: { status: 507, retryAfterSeconds: 60 },
  NODES_BUSY: { status: 503, retryAfterSeconds: 5 },
  // a PUT again pays again, for as long as it says
  REGISTRATION_ENDED: { status: 503, retryAfterSeconds: 1 },
  BLOB_ID_MISMATCH: { status: 400 },
  BLOB_TOO_LARGE: { status: 413 },
  SOURCE_CHANGED: { status: 409 },
  INVALID_OPTION: { status: 400 },
  // the gateway's own wallet is empty: its operator has to act, not the sender
  INSUFFICIENT_FUNDS: { status: 503, retryAfterSeconds: 60 },
  NO_WALLET: { status: 403 },
  // the URL of an RPC often has the operator's key to it
  CHAIN_UNAVAILABLE: { status: 503, retryAfterSeconds: 5, instead: 'Sui does not answer' },
  CHAIN_REJECTED: { status: 502 },
  WALLET_BUSY: {
    status: 503,
    retryAfterSeconds: 5,
    instead: 'the wallet of this gateway, or a sub-wallet that has registered the blob, is in use elsewhere',
  },
  CLOSED: { status: 503, retryAfterSeconds: 5 },
}

/** Turns what a handler threw into an answer; what is not meant for strangers stays in `cause`. */
export function toHttpError(error: unknown): HttpError {
  if (isClientError(error)) return fromClientError(error)
  if (error instanceof RecordsFull)
    return new HttpError(503, 'BUSY', 'too much is remembered here: try again later', {
      retryAfterSeconds: 60,
      cause: error,
    })
  if (isCodecError(error, 'QUILT_PATCH_NOT_FOUND')) return new HttpError(404, error.code, error.message)
  if (isCodecError(error, 'BLOB_TOO_LARGE'))
    return new HttpError(413, error.code, error.message, { metadata: { ...error.details } })
  if (isCodecError(error, 'QUILT_INVALID')) return new HttpError(400, error.code, error.message)
  if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ENOSPC') return unexpected(error)
  const words = 'the disk of this gateway has no room for the blob'
  return new HttpError(507, 'GATEWAY_NO_SPACE', words, { retryAfterSeconds: 60, cause: error })
}

function fromClientError(error: ClientError): HttpError {
  const { status, retryAfterSeconds, instead } = CLIENT_STATUS[error.code]
  if (instead !== undefined)
    return new HttpError(status, error.code, instead, { retryAfterSeconds, cause: error })
  const metadata = plain(error.details)
  return new HttpError(status, error.code, error.message, { metadata, retryAfterSeconds, cause: error })
}

function plain(details: object): Record<string, string | number> {
  const fields: [string, unknown][] = Object.entries(details)
  return Object.fromEntries(
    fields.filter((field): field is [string, string | number] =>
      ['string', 'number'].includes(typeof field[1]),
    ),
  )
}
