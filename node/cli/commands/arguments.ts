import { parseBlobId } from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { EXIT } from '../exit-codes.ts'
import { CliError } from '../failure.ts'

/** A blob ID from the command line. Throws CliError. */
export function blobIdArgument(text: string): BlobId {
  try {
    return parseBlobId(text)
  } catch (cause) {
    throw new CliError('USAGE', EXIT.usage, `"${text}" is not a blob ID.`, {
      hint: 'A blob ID has 43 characters of URL-safe base64; `floe store` prints it.',
      cause,
    })
  }
}
