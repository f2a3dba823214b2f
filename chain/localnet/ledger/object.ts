import { bcs, TypeTagSerializer } from '@mysten/sui/bcs'
import { type Address, parseAddress, SYSTEM } from './address.ts'
import { type Digest, digestAs } from './digest.ts'

export type Owner =
  | { kind: 'address'; address: Address }
  /** a dynamic field or a dynamic object field's value */
  | { kind: 'object'; address: Address }
  | { kind: 'shared'; initialVersion: bigint }
  | { kind: 'immutable' }
  /** a party object: one owner, sequenced by consensus */
  | { kind: 'consensus'; address: Address; startVersion: bigint }

interface Base {
  readonly id: Address
  readonly version: bigint
  readonly digest: Digest
  readonly owner: Owner
  readonly previousTransaction: Digest
}

export interface MoveObject extends Base {
  readonly kind: 'move'
  /** canonical text of the type, as the VM writes it */
  readonly type: string
  /** the type has `store` */
  readonly hasPublicTransfer: boolean
  /** BCS of the value */
  readonly contents: Uint8Array
}

export interface PackageObject extends Base {
  readonly kind: 'package'
  readonly originalId: Address
  /** bytecode by module name, in order of name */
  readonly modules: ReadonlyMap<string, Uint8Array>
  readonly typeOrigins: readonly { module: string; datatype: string; package: Address }[]
  /** first version's ID -> the version used */
  readonly linkage: ReadonlyMap<Address, { id: Address; version: bigint }>
}

export type LedgerObject = MoveObject | PackageObject

type BcsOwner = Parameters<typeof bcs.Owner.serialize>[0]
type BcsObject = ReturnType<typeof bcs.Object.parse>

export function ownerToBcs(owner: Owner): BcsOwner {
  switch (owner.kind) {
    case 'address':
      return { AddressOwner: owner.address }
    case 'object':
      return { ObjectOwner: owner.address }
    case 'shared':
      return { Shared: { initialSharedVersion: owner.initialVersion } }
    case 'immutable':
      return { Immutable: true }
    case 'consensus':
      return { ConsensusAddressOwner: { startVersion: owner.startVersion, owner: owner.address } }
  }
}

export function ownerFromBcs(owner: ReturnType<typeof bcs.Owner.parse>): Owner {
  switch (owner.$kind) {
    case 'AddressOwner':
      return { kind: 'address', address: owner.AddressOwner }
    case 'ObjectOwner':
      return { kind: 'object', address: owner.ObjectOwner }
    case 'Shared':
      return { kind: 'shared', initialVersion: BigInt(owner.Shared.initialSharedVersion) }
    case 'Immutable':
      return { kind: 'immutable' }
    case 'ConsensusAddressOwner':
      return {
        kind: 'consensus',
        address: owner.ConsensusAddressOwner.owner,
        startVersion: BigInt(owner.ConsensusAddressOwner.startVersion),
      }
  }
}

export const COIN_PREFIX = `${SYSTEM.sui}::coin::Coin<`
export const SUI_TYPE = `${SYSTEM.sui}::sui::SUI`
export const SUI_COIN_TYPE = `${COIN_PREFIX}${SUI_TYPE}>`

/** The type of coin that a `Coin<T>` object holds; undefined for other objects. */
export const coinTypeOf = (objectType: string): string | undefined =>
  objectType.startsWith(COIN_PREFIX) ? objectType.slice(COIN_PREFIX.length, -1) : undefined

/** Balance of a coin object: its u64 after the ID. */
export const coinBalance = (contents: Uint8Array): bigint =>
  new DataView(contents.buffer, contents.byteOffset).getBigUint64(32, true)

function typeToBcs(type: string) {
  if (type === SUI_COIN_TYPE) return { GasCoin: true as const }
  const coin = coinTypeOf(type)
  if (coin !== undefined) return { Coin: coin }
  const tag = TypeTagSerializer.parseFromStr(type, true)
  if (!('struct' in tag)) throw new TypeError(`${type} is not an object type`)
  return { Other: tag.struct }
}

/** Sui's BCS of an object, which its digest covers. */
export function objectToBcs(object: Omit<MoveObject, 'digest'> | Omit<PackageObject, 'digest'>): Uint8Array {
  const data =
    object.kind === 'move'
      ? {
          Move: {
            type: typeToBcs(object.type),
            hasPublicTransfer: object.hasPublicTransfer,
            version: object.version,
            contents: object.contents,
          },
        }
      : {
          Package: {
            id: object.id,
            version: object.version,
            moduleMap: new Map([...object.modules].map(([name, code]) => [name, code])),
            typeOriginTable: object.typeOrigins.map(origin => ({
              moduleName: origin.module,
              datatypeName: origin.datatype,
              package: origin.package,
            })),
            linkageTable: new Map(
              [...object.linkage].map(([original, used]) => [
                original,
                { upgradedId: used.id, upgradedVersion: used.version },
              ]),
            ),
          },
        }
  return bcs.Object.serialize({
    data,
    owner: ownerToBcs(object.owner),
    previousTransaction: object.previousTransaction,
    storageRebate: 0,
  }).toBytes()
}

/** An object with its digest filled in. */
export function sealMove(object: Omit<MoveObject, 'digest' | 'kind'>): MoveObject {
  const open = { kind: 'move', ...object } as const
  return { ...open, digest: digestAs('Object', objectToBcs(open)) }
}

export function sealPackage(object: Omit<PackageObject, 'digest' | 'kind'>): PackageObject {
  const open = { kind: 'package', ...object } as const
  return { ...open, digest: digestAs('Object', objectToBcs(open)) }
}

function typeFromBcs(type: NonNullable<BcsObject['data']['Move']>['type']): string {
  switch (type.$kind) {
    case 'GasCoin':
      return SUI_COIN_TYPE
    case 'Coin':
      return `${COIN_PREFIX}${type.Coin}>`
    case 'Other':
      return TypeTagSerializer.tagToString({ struct: type.Other })
    default:
      throw new TypeError(`object type ${type.$kind} is not used here`)
  }
}

/** Reads back `objectToBcs`; `originalId` is not part of Sui's format, a package's own record tells it. */
export function objectFromBcs(id: Address, bytes: Uint8Array, originalId = id): LedgerObject {
  const parsed = bcs.Object.parse(bytes)
  const base = {
    id,
    digest: digestAs('Object', bytes),
    owner: ownerFromBcs(parsed.owner),
    previousTransaction: parsed.previousTransaction,
  }
  if (parsed.data.$kind === 'Move') {
    const move = parsed.data.Move
    return {
      ...base,
      kind: 'move',
      version: BigInt(move.version),
      type: typeFromBcs(move.type),
      hasPublicTransfer: move.hasPublicTransfer,
      contents: Uint8Array.from(move.contents),
    }
  }
  const code = parsed.data.Package
  return {
    ...base,
    kind: 'package',
    version: BigInt(code.version),
    originalId,
    modules: new Map([...code.moduleMap].map(([name, bytes]) => [name, Uint8Array.from(bytes)])),
    typeOrigins: code.typeOriginTable.map(origin => ({
      module: origin.moduleName,
      datatype: origin.datatypeName,
      package: parseAddress(origin.package),
    })),
    linkage: new Map(
      [...code.linkageTable].map(([original, used]) => [
        original,
        { id: used.upgradedId, version: BigInt(used.upgradedVersion) },
      ]),
    ),
  }
}
