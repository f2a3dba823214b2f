import { parseBlobId, parseObjectId } from '../../../codec/index.ts'
import type { BlobId, ObjectId } from '../../../codec/types.ts'
import { EXIT } from '../exit-codes.ts'
import { CliError, sentence } from '../failure.ts'

/** A blob ID from the command line. Throws CliError. */
export function blobIdArgument(text: string): BlobId {
  try {
    return parseBlobId(text)
  } catch (cause) {
    throw new CliError('USAGE', EXIT.usage, `"${text}" is not a blob ID.`, {
      hint: `${sentence(cause instanceof Error ? cause.message : String(cause))} \`floe store\` prints it.`,
      cause,
    })
  }
}

/** Object IDs start with 0x; blob IDs are longer and of another alphabet. */
export function isObjectIdText(text: string): boolean {
  return text.length !== 43 && text.startsWith('0x')
}

/** An object ID from the command line, of a `what`. Throws CliError. */
export function objectIdArgument(text: string, what: string): ObjectId {
  try {
    return parseObjectId(text)
  } catch (cause) {
    throw new CliError('USAGE', EXIT.usage, `"${text}" is not the object ID of a ${what}.`, {
      hint: 'An object ID is 0x and 64 hex digits.',
      cause,
    })
  }
}
