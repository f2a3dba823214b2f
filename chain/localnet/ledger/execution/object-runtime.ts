import {
  Meter,
  type MoveType,
  NativeAbort,
  type NativeContext,
  Reference,
  type Value,
  VmError,
} from '../../vm/index.ts'
import type { PartyPermissions, Vm } from '../../vm/types.ts'
import { type Address, SYSTEM } from '../address.ts'
import { deriveObjectId } from '../digest.ts'
import { LIMITS, TRANSACTION_BOUNDS } from '../limits.ts'
import type { MoveObject, Owner } from '../object.ts'

/** Reads an object as it is before the transaction. */
export type ReadObject = (id: Address) => MoveObject | undefined

export interface TransactionContext {
  sender: Address
  sponsor: Address | undefined
  epoch: bigint
  epochTimestampMs: bigint
  gasPrice: bigint
  referenceGasPrice: bigint
  gasBudget: bigint
  /** 32 bytes */
  digest: Uint8Array
}

export interface Placed {
  type: MoveType
  value: Value
  owner: Owner
}

interface Child {
  parent: Address
  type: MoveType
  /** empty when it was removed */
  cell: Value[]
  /** what it was before the transaction; absent for a new one */
  original?: MoveObject
  /** lent out mutably, or new: its bytes have to be compared at the end */
  touched: boolean
}

export interface EmittedEvent {
  type: MoveType
  contents: Uint8Array
  packageId: Address
  module: string
}

/** What a transaction does to one address's funds of one type. */
export interface FundsChange {
  /** the field of the accumulator root */
  id: Address
  owner: Address
  /** `Balance<T>` */
  type: MoveType
  deposited: bigint
  withdrawn: bigint
  /** the most that was withdrawn and not yet deposited at any time: so much must have been there */
  needed: bigint
}

const MAX_U64 = 2n ** 64n - 1n

const emptyRuntimeError = (what: string): VmError =>
  new VmError({ kind: 'MovePrimitiveRuntimeError', reason: 'NATIVE_FAILURE' }, { cause: what })

// abort codes of sui::dynamic_field and sui::transfer
const FIELD_EXISTS = 0
const FIELD_MISSING = 1
const FIELD_OF_OTHER_TYPE = 2
const SHARED_NOT_NEW = 0
const RECEIVED_OF_OTHER_TYPE = 2
const NOT_RECEIVABLE = 3
// abort code of sui::funds_accumulator
const FUNDS_OVERFLOW = 0

/** System objects have fixed IDs, which no counter made. */
const FIXED_IDS: ReadonlySet<Address> = new Set(Object.values(SYSTEM))

const idOf = (value: Value): Address => (((value as Value[])[0] as Value[])[0] as Value[])[0] as Address

const sameOwner = (a: Owner, b: Owner): boolean =>
  a.kind === b.kind &&
  (a.kind === 'immutable' ||
    a.kind === 'shared' ||
    (a as { address: Address }).address === (b as { address: Address }).address)

/** What Move code does to objects in one transaction; nothing reaches the ledger before its end. */
export class ObjectRuntime implements NativeContext {
  readonly meter = new Meter(TRANSACTION_BOUNDS)
  readonly sender: Address
  readonly sponsor: Address | undefined
  readonly epoch: bigint
  readonly epochTimestampMs: bigint
  readonly gasPrice: bigint
  readonly referenceGasPrice: bigint
  readonly gasBudget: bigint
  readonly digest: Uint8Array
  idsCreated = 0n

  readonly created = new Set<Address>()
  readonly deleted = new Set<Address>()
  readonly placed = new Map<Address, Placed>()
  readonly events: EmittedEvent[] = []
  /** package and module of the transaction's own call: Sui names these as the source of its events */
  emitter: { packageId: Address; module: string } = { packageId: SYSTEM.zero, module: '' }
  /** objects that were read from the ledger through natives, to be listed as dependencies */
  readonly loaded = new Map<Address, MoveObject>()
  /** received objects and removed children: where they end up is known at the end */
  readonly taken = new Map<Address, MoveObject>()
  readonly funds = new Map<Address, FundsChange>()
  readonly #children = new Map<Address, Child>()
  readonly #inputOwners = new Map<Address, Owner>()
  readonly #receivable = new Map<Address, MoveObject>()
  readonly #vm: Vm
  readonly #read: ReadObject

  constructor(vm: Vm, read: ReadObject, context: TransactionContext) {
    this.#vm = vm
    this.#read = read
    this.sender = context.sender
    this.sponsor = context.sponsor
    this.epoch = context.epoch
    this.epochTimestampMs = context.epochTimestampMs
    this.gasPrice = context.gasPrice
    this.referenceGasPrice = context.referenceGasPrice
    this.gasBudget = context.gasBudget
    this.digest = context.digest
  }

  addInput(object: MoveObject): void {
    this.#inputOwners.set(object.id, object.owner)
  }

  addReceivable(object: MoveObject): void {
    this.#receivable.set(object.id, object)
  }

  /** Children that are there at the end, and those that are new or may have changed. */
  get children(): ReadonlyMap<Address, Readonly<Child>> {
    return this.#children
  }

  freshId(): Address {
    const id = deriveObjectId(this.digest, this.idsCreated++)
    this.recordNewUid(id)
    return id
  }

  recordNewUid(id: Address): void {
    if (this.deleted.delete(id)) return
    this.created.add(id)
    if (this.created.size > LIMITS.maxNumNewMoveObjectIds) throw emptyRuntimeError('too many new IDs')
  }

  deleteUid(id: Address): void {
    if (this.created.delete(id)) return
    this.deleted.add(id)
    if (this.deleted.size > LIMITS.maxNumDeletedMoveObjectIds) throw emptyRuntimeError('too many deleted IDs')
  }

  #place(type: MoveType, value: Value, owner: Owner): 'new' | 'same' | 'changed' {
    const id = idOf(value)
    this.placed.set(id, { type, value, owner })
    if (this.placed.size > LIMITS.maxNumTransferredMoveObjectIds)
      throw emptyRuntimeError('too many transfers')
    if (this.created.has(id) || (FIXED_IDS.has(id) && this.sender === SYSTEM.zero)) return 'new'
    const before = this.#inputOwners.get(id)
    return before !== undefined && sameOwner(before, owner) ? 'same' : 'changed'
  }

  transfer(type: MoveType, value: Value, recipient: Address): void {
    this.#place(type, value, { kind: 'address', address: recipient })
  }

  share(type: MoveType, value: Value): void {
    const before = this.#inputOwners.get(idOf(value))
    const owner: Owner = before?.kind === 'shared' ? before : { kind: 'shared', initialVersion: 0n }
    if (this.#place(type, value, owner) === 'changed') throw new NativeAbort(SHARED_NOT_NEW)
  }

  freeze(type: MoveType, value: Value): void {
    this.#place(type, value, { kind: 'immutable' })
  }

  partyTransfer(type: MoveType, value: Value, party: PartyPermissions): void {
    const address = party.members[0]!.address
    const before = this.#inputOwners.get(idOf(value))
    const owner: Owner =
      before?.kind === 'consensus' && before.address === address
        ? before
        : { kind: 'consensus', address, startVersion: 0n }
    this.#place(type, value, owner)
  }

  receive(type: MoveType, parent: Address, id: Address, version: bigint): Value {
    const object = this.#receivable.get(id)
    if (object?.owner.kind !== 'address' || object.owner.address !== parent || object.version !== version)
      throw new NativeAbort(NOT_RECEIVABLE)
    if (object.type !== type.text) throw new NativeAbort(RECEIVED_OF_OTHER_TYPE)
    this.#receivable.delete(id)
    this.loaded.set(id, object)
    this.taken.set(id, object)
    this.#inputOwners.set(id, object.owner)
    return this.#vm.deserialize(type, object.contents, { meter: this.meter })
  }

  #child(parent: Address, id: Address): Child | undefined {
    const known = this.#children.get(id)
    if (known !== undefined) return known.cell.length > 0 && known.parent === parent ? known : undefined
    const original = this.#read(id)
    if (original?.owner.kind !== 'object' || original.owner.address !== parent) return undefined
    const type = this.#vm.types.fromTag(original.type)
    const child = {
      parent,
      type,
      cell: [this.#vm.deserialize(type, original.contents, { meter: this.meter })],
      original,
      touched: false,
    }
    this.loaded.set(id, original)
    this.#cache(id, child)
    return child
  }

  #cache(id: Address, child: Child): void {
    this.#children.set(id, child)
    if (this.#children.size > LIMITS.objectRuntimeMaxNumCachedObjects)
      throw emptyRuntimeError('too many dynamic fields')
  }

  addChild(parent: Address, type: MoveType, value: Value): void {
    const id = idOf(value)
    if (this.#child(parent, id) !== undefined) throw new NativeAbort(FIELD_EXISTS)
    const original = this.#children.get(id)?.original
    this.#cache(id, { parent, type, cell: [value], original, touched: true })
  }

  borrowChild(parent: Address, type: MoveType, id: Address, mutable: boolean): Reference {
    const child = this.#typed(parent, type, id)
    if (mutable) child.touched = true
    return new Reference(child.cell, 0)
  }

  removeChild(parent: Address, type: MoveType, id: Address): Value {
    const child = this.#typed(parent, type, id)
    child.touched = true
    if (child.original !== undefined) {
      this.taken.set(id, child.original)
      this.#inputOwners.set(id, child.original.owner)
    }
    return child.cell.pop()!
  }

  #typed(parent: Address, type: MoveType, id: Address): Child {
    const child = this.#child(parent, id)
    if (child === undefined) throw new NativeAbort(FIELD_MISSING)
    if (child.type !== type) throw new NativeAbort(FIELD_OF_OTHER_TYPE)
    return child
  }

  hasChild(parent: Address, id: Address): boolean {
    return this.#child(parent, id) !== undefined
  }

  hasChildWithType(parent: Address, id: Address, type: MoveType): boolean {
    return this.#child(parent, id)?.type === type
  }

  #fundsChange(type: MoveType, id: Address, owner: Address): FundsChange {
    const change = this.funds.get(id) ?? { id, owner, type, deposited: 0n, withdrawn: 0n, needed: 0n }
    this.funds.set(id, change)
    if (this.funds.size > LIMITS.maxFundsTouched) throw emptyRuntimeError('too many address balances')
    return change
  }

  /** Reserves the payer's funds for gas, or gives them back: no Move code can make this abort. */
  moveGas(
    type: MoveType,
    accumulator: Address,
    owner: Address,
    { deposited = 0n, withdrawn = 0n }: Partial<Pick<FundsChange, 'deposited' | 'withdrawn'>>,
  ): void {
    const change = this.#fundsChange(type, accumulator, owner)
    change.deposited += deposited
    change.withdrawn += withdrawn
    change.needed += withdrawn
  }

  depositFunds(type: MoveType, accumulator: Address, owner: Address, amount: bigint): void {
    const change = this.#fundsChange(type, accumulator, owner)
    change.deposited += amount
    if (change.deposited > MAX_U64) throw new NativeAbort(FUNDS_OVERFLOW)
  }

  withdrawFunds(type: MoveType, accumulator: Address, owner: Address, amount: bigint): void {
    const change = this.#fundsChange(type, accumulator, owner)
    change.withdrawn += amount
    if (change.withdrawn > MAX_U64) throw new NativeAbort(FUNDS_OVERFLOW)
    const needed = change.withdrawn - change.deposited
    if (needed > change.needed) change.needed = needed
  }

  emit(type: MoveType, value: Value): void {
    const contents = this.#vm.serialize(type, value, this.meter)
    if (contents.length > LIMITS.maxEventEmitSizeBytes) throw emptyRuntimeError('event too large')
    if (this.events.length >= LIMITS.maxNumEventEmit) throw emptyRuntimeError('too many events')
    this.events.push({ type, contents, ...this.emitter })
  }
}
