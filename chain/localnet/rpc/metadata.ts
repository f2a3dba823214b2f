import type { Ledger } from '../ledger/ledger.ts'

/** Headers with which Sui's nodes tell where they stand, on every reply to a call. */
export const METADATA_NAMES = [
  'x-sui-chain-id',
  'x-sui-chain',
  'x-sui-epoch',
  'x-sui-checkpoint-height',
  'x-sui-timestamp-ms',
  'x-sui-timestamp',
  'x-sui-lowest-available-checkpoint',
  'x-sui-lowest-available-checkpoint-objects',
] as const

export function metadataOf(ledger: Ledger): Record<(typeof METADATA_NAMES)[number], string> {
  const timestampMs = Number(ledger.timestampMs)
  return {
    'x-sui-chain-id': ledger.identity.chainId,
    'x-sui-chain': 'localnet',
    'x-sui-epoch': String(ledger.epoch),
    'x-sui-checkpoint-height': String(ledger.height),
    'x-sui-timestamp-ms': String(timestampMs),
    'x-sui-timestamp': new Date(timestampMs).toISOString(),
    'x-sui-lowest-available-checkpoint': String(ledger.lowest),
    'x-sui-lowest-available-checkpoint-objects': String(ledger.lowestWithObjects),
  }
}
