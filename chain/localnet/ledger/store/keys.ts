import type { Address } from '../address.ts'
import type { Digest } from '../digest.ts'

const hex = (value: bigint): string => value.toString(16).padStart(16, '0')

/** Keys of the store; numbers are hex digits of equal length, so that their order is that of the numbers. */
export const KEYS = {
  /** JSON: what this store is; written first and never again */
  identity: 'identity',
  /** JSON: counters that every transaction may move */
  state: 'state',
  live: 'object/',
  object: (id: Address) => `object/${id}`,
  /** versions that were replaced or removed */
  oldObject: (id: Address, version: bigint) => `version/${id}/${hex(version)}`,
  /** JSON list of the old versions that a checkpoint left behind */
  outdated: 'outdated/',
  outdatedBy: (sequence: bigint) => `outdated/${hex(sequence)}`,
  transaction: (digest: Digest) => `transaction/${digest}`,
  /** the oldest checkpoint that is kept, in decimal digits; absent while all are */
  lowest: 'lowest',
  /** a transaction that was pruned, and that could be executed again if nobody remembered it */
  executed: (digest: Digest) => `executed/${digest}`,
  checkpoint: (sequence: bigint) => `checkpoint/${hex(sequence)}`,
  checkpointByDigest: (digest: Digest) => `checkpoint-digest/${digest}`,
} as const
