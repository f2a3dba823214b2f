import { CodecError } from '../../../codec/index.ts'
import { CliError, EXIT } from '../errors.ts'

/** What the codec says, as the command line tells it; other errors as they are. */
export function codecFailure(error: unknown): unknown {
  if (!(error instanceof CodecError)) return error
  const { message } = error
  const sentence = `${message[0]!.toUpperCase()}${message.slice(1)}.`
  switch (error.code) {
    case 'BLOB_TOO_LARGE':
      return new CliError('TOO_LARGE', EXIT.refused, sentence, {
        hint: 'More shards hold larger blobs: --shards.',
        cause: error,
      })
    case 'OUT_OF_MEMORY':
      return new CliError('TOO_LARGE', EXIT.refused, sentence, { cause: error })
    case 'SOURCE_CHANGED':
      return new CliError('FILE', EXIT.usage, sentence, {
        hint: 'Large files are read twice: leave it alone meanwhile, or name a copy of it.',
        cause: error,
      })
    case 'TOO_FEW_SLIVERS':
      return new CliError('TOO_FEW_SLIVERS', EXIT.unavailable, sentence, {
        details: error.details,
        cause: error,
      })
    case 'BLOB_ID_MISMATCH':
    case 'SLIVER_MALFORMED':
      return new CliError('INTEGRITY', EXIT.integrity, sentence, { cause: error })
    default:
      return error
  }
}
