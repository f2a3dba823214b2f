import { toBase58 } from '@mysten/sui/utils'
import { blake2b } from '@noble/hashes/blake2.js'
import { type Address, addressFromBytes, addressToBytes } from './address.ts'

/** Base58 of 32 bytes. */
export type Digest = string

const text = new TextEncoder()

export function hash(...parts: Uint8Array[]): Uint8Array {
  const state = blake2b.create({ dkLen: 32 })
  for (const part of parts) state.update(part)
  return state.digest()
}

/** Sui hashes a value with the name of its type in front. */
export const hashAs = (
  type:
    | 'TransactionData'
    | 'TransactionEffects'
    | 'TransactionEvents'
    | 'Object'
    | 'CheckpointSummary'
    | 'CheckpointContents',
  bcs: Uint8Array,
): Uint8Array => hash(text.encode(`${type}::`), bcs)

export const digestAs = (...args: Parameters<typeof hashAs>): Digest => toBase58(hashAs(...args))

/** ID of the n-th object that a transaction makes. */
export function deriveObjectId(transactionDigest: Uint8Array, index: bigint): Address {
  const counter = new Uint8Array(8)
  new DataView(counter.buffer).setBigUint64(0, index, true)
  return addressFromBytes(hash(Uint8Array.of(0xf1), transactionDigest, counter))
}

/** ID of the dynamic field of `parent` with this name (`key` in BCS, its type as a BCS TypeTag). */
export function deriveFieldId(parent: Address, key: Uint8Array, keyType: Uint8Array): Address {
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(key.length), true)
  return addressFromBytes(hash(Uint8Array.of(0xf0), addressToBytes(parent), length, key, keyType))
}
