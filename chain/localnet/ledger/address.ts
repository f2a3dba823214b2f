import { LedgerError } from './errors.ts'

/** `0x` and 64 lowercase hex digits: the one form in which the ledger keeps addresses and object IDs. */
export type Address = string

const CANONICAL = /^0x[0-9a-f]{64}$/

/** Any spelling of an address (`0x2`, upper case, no prefix) in its one form; throws LedgerError INVALID_ARGUMENT. */
export function parseAddress(text: string): Address {
  if (CANONICAL.test(text)) return text
  const digits = text.replace(/^0x/i, '').toLowerCase()
  if (digits.length === 0 || digits.length > 64 || !/^[0-9a-f]+$/.test(digits))
    throw new LedgerError('INVALID_ARGUMENT', `invalid address: ${text.slice(0, 80)}`)
  return `0x${digits.padStart(64, '0')}`
}

export const addressFromBytes = (bytes: Uint8Array): Address => `0x${Buffer.from(bytes).toString('hex')}`

export const addressToBytes = (address: Address): Uint8Array =>
  new Uint8Array(Buffer.from(address.slice(2), 'hex'))

const system = (digits: string): Address => `0x${digits.padStart(64, '0')}`

/** Sui's well-known addresses. */
export const SYSTEM = {
  zero: system('0'),
  std: system('1'),
  sui: system('2'),
  suiSystem: system('3'),
  systemState: system('5'),
  clock: system('6'),
  random: system('8'),
  coinRegistry: system('c'),
  displayRegistry: system('d'),
  denyList: system('403'),
  accumulatorRoot: system('acc'),
} as const
