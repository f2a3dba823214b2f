import { isCodecError, parseBlobId } from '../../codec/index.ts'
import type { BlobId } from '../../codec/types.ts'
import { HttpError } from './errors.ts'

/** A blob ID out of a path. Throws 400 for a text that is not the one way to write it, and names the blob ID that another form stands for. */
export function blobIdParam(text = ''): BlobId {
  try {
    return parseBlobId(text)
  } catch (error) {
    if (!isCodecError(error, 'INVALID_ID')) throw error
    const { meant } = error.details
    const metadata: Record<string, string> = meant === undefined ? {} : { blobId: meant }
    throw new HttpError(400, 'INVALID_BLOB_ID', error.message, { metadata })
  }
}
