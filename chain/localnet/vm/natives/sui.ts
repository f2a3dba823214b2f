import { bcs } from '@mysten/sui/bcs'
import { blake2b } from '@noble/hashes/blake2.js'
import { copy } from '../copy.ts'
import { NativeAbort } from '../errors.ts'
import { isOneTimeWitness } from '../one-time-witness.ts'
import type { Address, MoveType, NativeCall, NativeTable, PartyPermissions } from '../types.ts'
import { Reference, type Value } from '../values.ts'
import { addressBytes, addressFrom, addressOut, bytesIn, HASH_STEPS, u64Bytes } from './arguments.ts'

// the first byte of what an object's ID is hashed from
const FRESH_ID_SCOPE = 0xf1
const CHILD_ID_SCOPE = 0xf0

type TypeTagInput = Parameters<typeof bcs.TypeTag.serialize>[0]

const hash = (...parts: Uint8Array[]): Address => {
  const hasher = blake2b.create({ dkLen: 32 })
  for (const part of parts) hasher.update(part)
  return addressFrom(hasher.digest())
}

/** The ID of the object number `counter` that a transaction makes. */
export const deriveObjectId = (digest: Uint8Array, counter: bigint): Address =>
  hash(Uint8Array.of(FRESH_ID_SCOPE), digest, u64Bytes(counter))

/** To write one part of a type's tag. */
const TAG_NODE_STEPS = 200
/** Of what notes something about an object. */
const NOTE_STEPS = 50

/** The ID of a dynamic field: of its parent, its name in BCS and the name's type. */
export function deriveChildId(
  { vm, context }: Pick<NativeCall, 'vm'> & { context?: Pick<NativeCall['context'], 'meter'> },
  parent: Address,
  type: MoveType,
  name: Value,
): Address {
  context?.meter.charge(HASH_STEPS + TAG_NODE_STEPS * type.nodes)
  const key = vm.serialize(type, name, context?.meter)
  const tag = bcs.TypeTag.serialize(vm.types.toTag(type) as TypeTagInput).toBytes()
  return hash(Uint8Array.of(CHILD_ID_SCOPE), addressBytes(parent), u64Bytes(BigInt(key.length)), key, tag)
}

/** Addresses and IDs are 64 hex digits; UID and ID are structs of one field. */
const idOfUid = (uid: Value): Address => ((uid as Value[])[0] as Value[])[0] as Address

const partyOf = (permissions: Value, members: Value, each: Value): PartyPermissions => ({
  defaultPermissions: permissions as bigint,
  members: (members as Address[]).map((address, i) => ({
    address,
    permissions: (each as bigint[])[i] ?? 0n,
  })),
})

const contextNatives: NativeTable = {
  '0x2::tx_context::native_sender': ({ context }) => [context.sender],
  '0x2::tx_context::native_epoch': ({ context }) => [context.epoch],
  '0x2::tx_context::native_epoch_timestamp_ms': ({ context }) => [context.epochTimestampMs],
  '0x2::tx_context::native_gas_price': ({ context }) => [context.gasPrice],
  '0x2::tx_context::native_rgp': ({ context }) => [context.referenceGasPrice],
  '0x2::tx_context::native_gas_budget': ({ context }) => [context.gasBudget],
  '0x2::tx_context::native_ids_created': ({ context }) => [context.idsCreated],
  '0x2::tx_context::native_sponsor': ({ context }) => [
    context.sponsor === undefined ? [] : [context.sponsor],
  ],
  '0x2::tx_context::fresh_id': call => {
    call.context.meter.charge(HASH_STEPS)
    return [addressOut(call, call.context.freshId())]
  },
  '0x2::tx_context::derive_id': (call, _types, [digest, counter]) => {
    call.context.meter.charge(HASH_STEPS)
    return [addressOut(call, deriveObjectId(bytesIn(call, digest), counter as bigint))]
  },
}

const objectNatives: NativeTable = {
  '0x2::object::borrow_uid': (_call, _types, [object]) => [
    new Reference((object as Reference).value as Value[], 0),
  ],
  '0x2::object::delete_impl': ({ context }, _types, [id]) => {
    context.deleteUid(id as Address)
    return []
  },
  '0x2::object::record_new_uid': ({ context }, _types, [id]) => {
    context.recordNewUid(id as Address)
    return []
  },
  '0x2::transfer::transfer_impl': ({ context }, [type], [object, recipient]) => {
    context.transfer(type!, object!, recipient as Address)
    return []
  },
  '0x2::transfer::share_object_impl': ({ context }, [type], [object]) => {
    context.share(type!, object!)
    return []
  },
  '0x2::transfer::freeze_object_impl': ({ context }, [type], [object]) => {
    context.freeze(type!, object!)
    return []
  },
  '0x2::transfer::party_transfer_impl': ({ context }, [type], [object, permissions, members, each]) => {
    context.partyTransfer(type!, object!, partyOf(permissions!, members!, each!))
    return []
  },
  '0x2::transfer::receive_impl': ({ context }, [type], [parent, id, version]) => [
    context.receive(type!, parent as Address, (id as Value[])[0] as Address, version as bigint),
  ],
  '0x2::event::emit': ({ context }, [type], [event]) => {
    context.emit(type!, event!)
    return []
  },
  '0x2::types::is_one_time_witness': ({ vm }, [type]) => [
    isOneTimeWitness({ find: datatype => vm.definition(datatype) }, type!),
  ],
}

const borrowChild = (
  { context }: NativeCall,
  type: MoveType,
  uid: Value,
  id: Value,
  mutable: boolean,
): Value[] => [context.borrowChild(idOfUid((uid as Reference).value), type, id as Address, mutable)]

const dynamicFieldNatives: NativeTable = {
  '0x2::dynamic_field::hash_type_and_key': (call, [type], [parent, name]) => [
    addressOut(call, deriveChildId(call, parent as Address, type!, name!)),
  ],
  '0x2::dynamic_field::add_child_object': ({ context }, [type], [parent, child]) => {
    context.addChild(parent as Address, type!, child!)
    return []
  },
  '0x2::dynamic_field::borrow_child_object': (call, [type], [uid, id]) =>
    borrowChild(call, type!, uid!, id!, false),
  '0x2::dynamic_field::borrow_child_object_mut': (call, [type], [uid, id]) =>
    borrowChild(call, type!, uid!, id!, true),
  '0x2::dynamic_field::remove_child_object': ({ context }, [type], [parent, id]) => [
    context.removeChild(parent as Address, type!, id as Address),
  ],
  '0x2::dynamic_field::has_child_object': ({ context }, _types, [parent, id]) => [
    context.hasChild(parent as Address, id as Address),
  ],
  '0x2::dynamic_field::has_child_object_with_ty': ({ context }, [type], [parent, id]) => [
    context.hasChildWithType(parent as Address, id as Address, type!),
  ],
}

const addressNatives: NativeTable = {
  '0x2::address::to_u256': (_call, _types, [address]) => [BigInt(address as Address)],
  '0x2::address::from_u256': (call, _types, [number]) => [
    addressOut(call, `0x${(number as bigint).toString(16).padStart(64, '0')}`),
  ],
  '0x2::address::from_bytes': (call, _types, [bytes]) => {
    const raw = bytesIn(call, bytes)
    if (raw.length !== 32) throw new NativeAbort(0) // EAddressParseError
    return [addressOut(call, addressFrom(raw))]
  },
}

const FUNDS_OVERFLOW = 0 // funds_accumulator::EOverflow
const MAX_U64 = 2n ** 64n - 1n

const fundsNatives: NativeTable = {
  '0x2::funds_accumulator::add_to_accumulator_address': ({ context }, [type], [field, owner, value]) => {
    context.depositFunds(type!, field as Address, owner as Address, (value as bigint[])[0]!)
    return []
  },
  '0x2::funds_accumulator::withdraw_from_accumulator_address': (
    { context },
    [type],
    [field, owner, value],
  ) => {
    if ((value as bigint) > MAX_U64) throw new NativeAbort(FUNDS_OVERFLOW)
    context.withdrawFunds(type!, field as Address, owner as Address, value as bigint)
    return [[value!]]
  },
}

const configNatives: NativeTable = {
  '0x2::config::read_setting_impl': ({ context }, [field], [config, name, epoch]) => {
    const none: Value = [[]]
    if (!context.hasChildWithType(config as Address, name as Address, field!)) return [none]
    const setting = context.borrowChild(config as Address, field!, name as Address, false).value as Value[]
    // Field { id, name, value: Setting { data: Option<SettingData> } }; an Option is a vector in a struct
    const [data] = ((setting[2] as Value[])[0] as Value[])[0] as Value[]
    if (data === undefined) return [none]
    const [newerEpoch, newer, older] = data as [bigint, Value, Value]
    return [copy((epoch as bigint) > newerEpoch ? newer : older, context.meter)]
  },
}

/** Takes the steps of what looks something up or notes it. */
const noted = (natives: NativeTable): NativeTable =>
  Object.fromEntries(
    Object.entries(natives).map(([name, native]) => [
      name,
      (call, types, args) => {
        call.context.meter.charge(NOTE_STEPS)
        return native(call, types, args)
      },
    ]),
  )

/** Natives of 0x2 that are not cryptography. */
export const suiNatives: NativeTable = {
  ...contextNatives,
  ...noted({ ...objectNatives, ...dynamicFieldNatives, ...fundsNatives, ...configNatives }),
  ...addressNatives,
}
