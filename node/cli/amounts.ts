import { EXIT } from './exit-codes.ts'
import { CliError } from './failure.ts'

const WAL_TEXT = /^(\d{1,10})(?:\.(\d{1,9}))?$/
const FROST_DIGITS = 9
const SIZE_TEXT = /^(\d{1,20})(?:\s*(B|KiB|MiB|GiB|TiB|PiB))?$/i
const SIZE_UNITS = ['b', 'kib', 'mib', 'gib', 'tib', 'pib']
const U64_LIMIT = 1n << 64n

/** `1`, `0.5`, `1000.000000001`: an amount of WAL, in FROST. Throws CliError. */
export function walArgument(text: string): bigint {
  const [, whole, fraction = ''] = WAL_TEXT.exec(text) ?? []
  const frost = whole === undefined ? 0n : BigInt(whole + fraction.padEnd(FROST_DIGITS, '0'))
  if (frost > 0n && frost < U64_LIMIT) return frost
  throw new CliError('USAGE', EXIT.usage, `"${text}" is not an amount of WAL.`, {
    hint: 'Write it in WAL, with up to 9 decimals: 12 or 0.5.',
  })
}

/** A price in FROST: a whole number. Throws CliError. */
export function frostArgument(text: string): bigint {
  if (/^\d{1,20}$/.test(text) && BigInt(text) < U64_LIMIT) return BigInt(text)
  throw new CliError('USAGE', EXIT.usage, `"${text}" is not a price in FROST.`, {
    hint: 'A price is a whole number of FROST; 1 WAL is 1,000,000,000 FROST.',
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
