import { type CodecError, parseBlobId } from '../../codec/index.ts'
import type { BlobId } from '../../codec/types.ts'
import { HttpError } from './errors.ts'

/** A blob ID out of a path. Throws 400 for a text that is not the one way to write it. */
export function blobIdParam(text = ''): BlobId {
  try {
    return parseBlobId(text)
  } catch (error) {
    throw new HttpError(400, 'INVALID_BLOB_ID', (error as CodecError).message)
  }
}
