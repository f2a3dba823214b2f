import { CodecError } from '../../../codec/index.ts'
import { CliError, EXIT, sentence } from '../errors.ts'

/** What the codec says of quilts, as the command line tells it; other errors as they are. */
export function quiltFailure(error: unknown): unknown {
  if (!(error instanceof CodecError)) return error
  const words = sentence(error.message)
  switch (error.code) {
    case 'QUILT_PATCH_NOT_FOUND':
      return new CliError('NOT_FOUND', EXIT.notFound, words, {
        hint: '`floe list-patches QUILT_ID` lists what is in it.',
        cause: error,
      })
    case 'QUILT_INVALID':
      return new CliError('NO_QUILT', EXIT.integrity, words, { cause: error })
    case 'BLOB_TOO_LARGE':
    case 'OUT_OF_MEMORY':
      return new CliError('TOO_LARGE', EXIT.refused, words, {
        hint: 'Store the files as several quilts, or each by itself with `floe store`.',
        cause: error,
      })
    default:
      return error
  }
}
