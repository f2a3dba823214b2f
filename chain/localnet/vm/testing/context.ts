import { NativeAbort } from '../errors.ts'
import type { Meter } from '../meter.ts'
import { deriveObjectId } from '../natives/sui.ts'
import type { Address, MoveType, NativeContext, PartyPermissions } from '../types.ts'
import { Reference, type Value } from '../values.ts'

export type Owner =
  | { kind: 'address'; address: Address }
  | { kind: 'object'; parent: Address }
  | { kind: 'shared' }
  | { kind: 'immutable' }

export interface Written {
  type: MoveType
  value: Value
  owner: Owner
}

interface Child {
  parent: Address
  type: MoveType
  /** the value, until it is removed */
  cell: Value[]
}

export const idOf = (object: Value): Address =>
  (((object as Value[])[0] as Value[])[0] as Value[])[0] as Address

const FIELD_DOES_NOT_EXIST = 1
const FIELD_TYPE_MISMATCH = 2
const UNABLE_TO_RECEIVE = 3

/** One transaction after another of a Move test: what `sui::test_scenario` and `tx_context` work on. */
export class TestContext implements NativeContext {
  readonly meter: Meter
  sender: Address = `0x${'0'.repeat(64)}`
  sponsor: Address | undefined = undefined
  epoch = 0n
  epochTimestampMs = 0n
  gasPrice = 0n
  referenceGasPrice = 0n
  gasBudget = 0n
  digest: Uint8Array = new Uint8Array(32)
  idsCreated = 0n

  /** of the transaction that is under way, in order */
  readonly created = new Set<Address>()
  readonly deleted = new Set<Address>()
  readonly writes = new Map<Address, Written>()
  readonly events: { type: MoveType; value: Value }[] = []
  /** children added in this transaction */
  readonly addedChildren = new Set<Address>()
  readonly children = new Map<Address, Child>()
  /** what was deposited less what was withdrawn; tests may withdraw what nobody deposited */
  readonly funds = new Map<Address, bigint>()
  /** objects that were sent to an object and have a ticket */
  readonly received: (parent: Address, id: Address, version: bigint, type: MoveType) => Value | undefined

  constructor(meter: Meter, received: TestContext['received'] = () => undefined) {
    this.meter = meter
    this.received = received
  }

  freshId(): Address {
    const id = deriveObjectId(this.digest, this.idsCreated)
    this.idsCreated += 1n
    this.created.add(id)
    return id
  }

  recordNewUid(id: Address): void {
    this.created.add(id)
  }

  deleteUid(id: Address): void {
    if (!this.created.delete(id)) this.deleted.add(id)
  }

  #write(type: MoveType, value: Value, owner: Owner): void {
    this.writes.set(idOf(value), { type, value, owner })
  }

  transfer(type: MoveType, value: Value, recipient: Address): void {
    this.#write(type, value, { kind: 'address', address: recipient })
  }

  share(type: MoveType, value: Value): void {
    this.#write(type, value, { kind: 'shared' })
  }

  freeze(type: MoveType, value: Value): void {
    this.#write(type, value, { kind: 'immutable' })
  }

  partyTransfer(type: MoveType, value: Value, { members }: PartyPermissions): void {
    this.#write(type, value, { kind: 'address', address: members[0]!.address })
  }

  receive(type: MoveType, parent: Address, id: Address, version: bigint): Value {
    const value = this.received(parent, id, version, type)
    if (value === undefined) throw new NativeAbort(UNABLE_TO_RECEIVE)
    return value
  }

  addChild(parent: Address, type: MoveType, value: Value): void {
    const id = idOf(value)
    this.children.set(id, { parent, type, cell: [value] })
    this.addedChildren.add(id)
  }

  #child(parent: Address, id: Address): Child | undefined {
    const child = this.children.get(id)
    return child?.parent === parent ? child : undefined
  }

  #childOf(parent: Address, type: MoveType, id: Address): Child {
    const child = this.#child(parent, id)
    if (child === undefined) throw new NativeAbort(FIELD_DOES_NOT_EXIST)
    if (child.type !== type) throw new NativeAbort(FIELD_TYPE_MISMATCH)
    return child
  }

  borrowChild(parent: Address, type: MoveType, id: Address): Reference {
    return new Reference(this.#childOf(parent, type, id).cell, 0)
  }

  removeChild(parent: Address, type: MoveType, id: Address): Value {
    const { cell } = this.#childOf(parent, type, id)
    this.children.delete(id)
    this.addedChildren.delete(id)
    return cell[0]!
  }

  hasChild(parent: Address, id: Address): boolean {
    return this.#child(parent, id) !== undefined
  }

  hasChildWithType(parent: Address, id: Address, type: MoveType): boolean {
    return this.#child(parent, id)?.type === type
  }

  emit(type: MoveType, value: Value): void {
    this.events.push({ type, value })
  }

  depositFunds(_type: MoveType, accumulator: Address, _owner: Address, amount: bigint): void {
    this.funds.set(accumulator, (this.funds.get(accumulator) ?? 0n) + amount)
  }

  withdrawFunds(_type: MoveType, accumulator: Address, _owner: Address, amount: bigint): void {
    this.funds.set(accumulator, (this.funds.get(accumulator) ?? 0n) - amount)
  }

  /** Forgets what the transaction did; objects and children stay. */
  reset(): void {
    this.created.clear()
    this.deleted.clear()
    this.writes.clear()
    this.addedChildren.clear()
    this.events.length = 0
  }
}
