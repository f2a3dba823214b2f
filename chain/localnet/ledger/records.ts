import { bcs } from '@mysten/sui/bcs'
import { type Address, addressFromBytes, addressToBytes } from './address.ts'
import type { Digest } from './digest.ts'
import type { BalanceChange } from './execution/effects.ts'
import { type LedgerObject, objectFromBcs, objectToBcs } from './object.ts'

/** A transaction as it was executed; what clients read about it later. */
export interface TransactionRecord {
  digest: Digest
  checkpoint: bigint
  timestampMs: bigint
  transaction: Uint8Array
  signatures: Uint8Array[]
  effects: Uint8Array
  /** BCS of TransactionEvents */
  events: Uint8Array | undefined
  objectTypes: Map<Address, string>
  balanceChanges: BalanceChange[]
  /** why it failed */
  message: string | undefined
}

const Record = bcs.struct('TransactionRecord', {
  checkpoint: bcs.u64(),
  timestampMs: bcs.u64(),
  transaction: bcs.byteVector(),
  signatures: bcs.vector(bcs.byteVector()),
  effects: bcs.byteVector(),
  events: bcs.option(bcs.byteVector()),
  objectTypes: bcs.vector(bcs.tuple([bcs.Address, bcs.string()])),
  // amounts can be negative: as text
  balanceChanges: bcs.vector(bcs.tuple([bcs.Address, bcs.string(), bcs.string()])),
  message: bcs.option(bcs.string()),
})

const MAX_SIZE = 2 ** 31

export const encodeTransaction = (record: TransactionRecord): Uint8Array =>
  Record.serialize(
    {
      ...record,
      events: record.events ?? null,
      objectTypes: [...record.objectTypes],
      balanceChanges: record.balanceChanges.map(({ address, coinType, amount }) => [
        address,
        coinType,
        amount.toString(),
      ]),
      message: record.message ?? null,
    },
    { maxSize: MAX_SIZE },
  ).toBytes()

export function decodeTransaction(digest: Digest, bytes: Uint8Array): TransactionRecord {
  const record = Record.parse(bytes)
  return {
    digest,
    checkpoint: BigInt(record.checkpoint),
    timestampMs: BigInt(record.timestampMs),
    transaction: Uint8Array.from(record.transaction),
    signatures: record.signatures.map(signature => Uint8Array.from(signature)),
    effects: Uint8Array.from(record.effects),
    events: record.events !== null ? Uint8Array.from(record.events) : undefined,
    objectTypes: new Map(record.objectTypes),
    balanceChanges: record.balanceChanges.map(([address, coinType, amount]) => ({
      address,
      coinType,
      amount: BigInt(amount),
    })),
    message: record.message ?? undefined,
  }
}

/** Sui's BCS of the object; in front of a package's the ID of its first version. */
export function encodeObject(object: LedgerObject): Uint8Array {
  const head = object.kind === 'package' ? addressToBytes(object.originalId) : new Uint8Array(0)
  const body = objectToBcs(object)
  const bytes = new Uint8Array(1 + head.length + body.length)
  bytes[0] = head.length
  bytes.set(head, 1)
  bytes.set(body, 1 + head.length)
  return bytes
}

export function decodeObject(id: Address, bytes: Uint8Array): LedgerObject {
  const head = bytes[0]!
  const originalId = head === 0 ? id : addressFromBytes(bytes.subarray(1, 1 + head))
  return objectFromBcs(id, bytes.subarray(1 + head), originalId)
}
