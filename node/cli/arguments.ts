import { parseBlobId, parseObjectId } from '../../codec/index.ts'
import type { BlobId, ObjectId } from '../../codec/types.ts'
import { CliError, EXIT, sentence } from './errors.ts'

const WAL_TEXT = /^(\d{1,10})(?:\.(\d{1,9}))?$/
const FROST_DIGITS = 9
const SIZE_TEXT = /^(\d{1,20})(?:\s*(B|KiB|MiB|GiB|TiB|PiB))?$/i
const SIZE_UNITS = ['b', 'kib', 'mib', 'gib', 'tib', 'pib']
const U64_LIMIT = 1n << 64n

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

/** An address from the command line. Throws CliError. */
export function addressArgument(text: string): ObjectId {
  try {
    return parseObjectId(text)
  } catch (cause) {
    throw new CliError('USAGE', EXIT.usage, `"${text}" is not a Sui address.`, {
      hint: 'An address is 0x and 64 hex digits; `floe wallet address` prints yours.',
      cause,
    })
  }
}

/** `1`, `0.5`, `1000.000000001`: an amount of WAL, in FROST. Throws CliError. */
export function walArgument(text: string): bigint {
  const [, whole, fraction = ''] = WAL_TEXT.exec(text) ?? []
  const frost = whole === undefined ? 0n : BigInt(whole + fraction.padEnd(FROST_DIGITS, '0'))
  if (frost > 0n && frost < U64_LIMIT) return frost
  throw new CliError('USAGE', EXIT.usage, `"${text}" is not an amount of WAL.`, {
    hint: 'Write it in WAL, with up to 9 decimals: 12 or 0.5.',
  })
}

/** An amount in FROST: a whole number. Throws CliError. */
export function frostArgument(text: string): bigint {
  if (/^\d{1,20}$/.test(text) && BigInt(text) < U64_LIMIT) return BigInt(text)
  throw new CliError('USAGE', EXIT.usage, `"${text}" is not an amount of FROST.`, {
    hint: 'It is a whole number; 1 WAL is 1,000,000,000 FROST.',
  })
}

/** `1099511627776`, `1TiB`: a size in bytes. Throws CliError. */
export function sizeArgument(text: string): bigint {
  const [, count, unit = 'B'] = SIZE_TEXT.exec(text) ?? []
  const bytes =
    count === undefined ? 0n : BigInt(count) * 1024n ** BigInt(SIZE_UNITS.indexOf(unit.toLowerCase()))
  if (bytes > 0n && bytes < U64_LIMIT) return bytes
  throw new CliError('USAGE', EXIT.usage, `"${text}" is not a size.`, {
    hint: 'Write it in bytes, or with a unit: 500GiB, 2TiB.',
  })
}
