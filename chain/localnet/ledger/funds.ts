import { bcs } from '@mysten/sui/bcs'
import { fromBase58, toBase58 } from '@mysten/sui/utils'
import { type Address, addressFromBytes, addressToBytes, SYSTEM } from './address.ts'
import { type Digest, deriveFieldId } from './digest.ts'
import { type MoveObject, sealMove } from './object.ts'

/**
 * Funds of addresses. Each is a dynamic field of the accumulator root, `Field<Key<Balance<T>>, U128>`, whose ID
 * follows from the owner and the type.
 */
const keyType = (coinType: string): string =>
  `${SYSTEM.sui}::accumulator::Key<${SYSTEM.sui}::balance::Balance<${coinType}>>`
const FIELD_PREFIX = `${SYSTEM.sui}::dynamic_field::Field<${keyType('').slice(0, -2)}`
const FIELD_SUFFIX = `>>, ${SYSTEM.sui}::accumulator::U128>`

export const fundsId = (owner: Address, coinType: string): Address =>
  deriveFieldId(
    SYSTEM.accumulatorRoot,
    addressToBytes(owner),
    bcs.TypeTag.serialize(keyType(coinType)).toBytes(),
  )

/** What a field of the root says; undefined for any other object. */
export function fundsOf({
  owner,
  type,
  contents,
}: MoveObject): { owner: Address; coinType: string; amount: bigint } | undefined {
  if (owner.kind !== 'object' || owner.address !== SYSTEM.accumulatorRoot) return undefined
  if (!type.startsWith(FIELD_PREFIX) || !type.endsWith(FIELD_SUFFIX)) return undefined
  const view = new DataView(contents.buffer, contents.byteOffset)
  return {
    owner: addressFromBytes(contents.subarray(32, 64)),
    coinType: type.slice(FIELD_PREFIX.length, -FIELD_SUFFIX.length),
    amount: view.getBigUint64(64, true) + (view.getBigUint64(72, true) << 64n),
  }
}

/** The field as a transaction leaves it. */
export function fundsField(
  { owner, coinType, amount }: { owner: Address; coinType: string; amount: bigint },
  version: bigint,
  previousTransaction: Digest,
): MoveObject {
  const id = fundsId(owner, coinType)
  const contents = new Uint8Array(80)
  contents.set(addressToBytes(id))
  contents.set(addressToBytes(owner), 32)
  const view = new DataView(contents.buffer)
  view.setBigUint64(64, BigInt.asUintN(64, amount), true)
  view.setBigUint64(72, amount >> 64n, true)
  return sealMove({
    id,
    version,
    owner: { kind: 'object', address: SYSTEM.accumulatorRoot },
    previousTransaction,
    type: `${FIELD_PREFIX}${coinType}${FIELD_SUFFIX}`,
    hasPublicTransfer: false,
    contents,
  })
}

/** The last 20 bytes of the digest of a gas payment that stands for funds instead of a coin. */
const RESERVATION_MARK = Uint8Array.from({ length: 20 }, () => 0xac)

export interface Reservation {
  amount: bigint
  epoch: bigint
}

/** What a gas payment reserves of the payer's funds; undefined when it is a coin. */
export function reservationOf(digest: Digest): Reservation | undefined {
  const bytes = fromBase58(digest)
  if (bytes.length !== 32 || Buffer.compare(bytes.subarray(12), RESERVATION_MARK) !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return { amount: view.getBigUint64(0, true), epoch: BigInt(view.getUint32(8, true)) }
}

/** The ID that a reservation names: that of the payer's funds, different on each chain. */
export function reservationId(owner: Address, coinType: string, chainId: Digest): Address {
  const chain = fromBase58(chainId)
  return addressFromBytes(addressToBytes(fundsId(owner, coinType)).map((byte, i) => byte ^ chain[i]!))
}

/** A gas payment of funds, as clients write it. */
export function reservationRef(
  owner: Address,
  coinType: string,
  chainId: Digest,
  { amount, epoch }: Reservation,
): { objectId: Address; version: string; digest: Digest } {
  const digest = new Uint8Array(32)
  const view = new DataView(digest.buffer)
  view.setBigUint64(0, amount, true)
  view.setUint32(8, Number(epoch), true)
  digest.set(RESERVATION_MARK, 12)
  return { objectId: reservationId(owner, coinType, chainId), version: '0', digest: toBase58(digest) }
}
