import { HAS_KEY } from '../abilities.ts'
import { NativeAbort } from '../errors.ts'
import type { Meter } from '../meter.ts'
import type { Address, MoveType, Vm } from '../types.ts'
import { EnumValue, type Value } from '../values.ts'
import { idOf, type Owner, TestContext, type Written } from './context.ts'

const INVALID_USAGE = 1 // EInvalidSharedOrImmutableUsage
const OBJECT_NOT_FOUND = 4 // EObjectNotFound
const TICKET_EXISTS = 6 // EReceivingTicketAlreadyAllocated
const NO_TICKET = 7 // EUnableToDeallocateReceivingTicket

/** What a transaction did, for `TransactionEffects`. */
export interface Effects {
  created: Address[]
  written: Address[]
  deleted: Address[]
  toAccount: [Address, Address][]
  toObject: [Address, Address][]
  shared: Address[]
  frozen: Address[]
  events: bigint
}

const isSameOwner = (a: Owner, b: Owner): boolean =>
  a.kind === b.kind && (a.kind !== 'address' || b.kind !== 'address' || a.address === b.address)

const print = (value: Value): string =>
  JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? `${part}n` : part))

interface Taken {
  owner: Owner
  /** an immutable object as it was, to see whether it was changed */
  before: string | undefined
}

/** The objects of a Move test that runs several transactions. */
export class Scenario {
  readonly context: TestContext
  /** in the order in which they were put there; what is taken stays listed until it is written or deleted */
  readonly #inventory = new Map<Address, Written>()
  /** what the test has in its hands, be it since earlier transactions */
  readonly #taken = new Map<Address, Taken>()
  readonly #tickets = new Map<Address, bigint>()
  #nextVersion = 1n

  constructor(meter: Meter) {
    this.context = new TestContext(meter, (parent, id, version, type) =>
      this.#receive(parent, id, version, type),
    )
  }

  /** Objects of a type that an owner has, oldest first, taken or not. */
  ids(type: MoveType, owner: Owner): Address[] {
    return [...this.#inventory]
      .filter(([, object]) => object.type === type && isSameOwner(object.owner, owner))
      .map(([id]) => id)
  }

  /** The newest of them that is not taken. */
  latest(type: MoveType, owner: Owner): Address | undefined {
    return this.ids(type, owner).findLast(id => !this.#taken.has(id))
  }

  take(type: MoveType, id: Address, owner: Owner): Value {
    const object = this.#inventory.get(id)
    if (
      object === undefined ||
      this.#taken.has(id) ||
      object.type !== type ||
      !isSameOwner(object.owner, owner)
    )
      throw new NativeAbort(OBJECT_NOT_FOUND)
    const before = owner.kind === 'immutable' ? print(object.value) : undefined
    this.#taken.set(id, { owner: object.owner, before })
    return object.value
  }

  wasTaken(id: Address, owner: Owner): boolean {
    const object = this.#taken.get(id)
    return object !== undefined && isSameOwner(object.owner, owner)
  }

  allocateTicket(type: MoveType, id: Address): bigint {
    if (this.#tickets.has(id)) throw new NativeAbort(TICKET_EXISTS)
    if (this.#inventory.get(id)?.type !== type) throw new NativeAbort(OBJECT_NOT_FOUND)
    const version = this.#nextVersion++
    this.#tickets.set(id, version)
    return version
  }

  deallocateTicket(id: Address): void {
    if (!this.#tickets.delete(id)) throw new NativeAbort(NO_TICKET)
  }

  #receive(parent: Address, id: Address, version: bigint, type: MoveType): Value | undefined {
    if (this.#tickets.get(id) !== version) return undefined
    this.#tickets.delete(id)
    return this.take(type, id, { kind: 'address', address: parent })
  }

  /** Ends the transaction: what it wrote is there for the next one, what it took and kept stays taken. */
  end(vm: Vm): Effects {
    const { context } = this
    const effects: Effects = {
      created: [],
      written: [],
      deleted: [...context.deleted],
      toAccount: [],
      toObject: [],
      shared: [],
      frozen: [],
      events: BigInt(context.events.length),
    }
    for (const id of context.addedChildren) {
      const { parent, type, cell } = context.children.get(id)!
      context.writes.set(id, { type, value: cell[0]!, owner: { kind: 'object', parent } })
    }
    const wrapped = new Set<Address>()
    for (const { type, value } of context.writes.values()) wrappedIn(vm, type, value, wrapped)
    this.#checkTaken(wrapped)
    for (const id of [...context.deleted, ...context.writes.keys(), ...wrapped]) {
      this.#inventory.delete(id)
      this.#taken.delete(id)
    }
    for (const [id, written] of context.writes) this.#put(id, written, effects)
    effects.deleted.push(...wrapped)
    this.#tickets.clear()
    context.reset()
    return effects
  }

  /**
   * Shared and immutable objects that were taken may be kept, but go nowhere else than where they came
   * from; shared ones may be deleted, immutable ones stay as they are.
   */
  #checkTaken(wrapped: ReadonlySet<Address>): void {
    for (const [id, { owner, before }] of this.#taken) {
      if (owner.kind !== 'shared' && owner.kind !== 'immutable') continue
      const written = this.context.writes.get(id)
      const isDeleted = owner.kind === 'immutable' && this.context.deleted.has(id)
      const isElsewhere = written !== undefined && !isSameOwner(written.owner, owner)
      const isChanged = written !== undefined && before !== undefined && print(written.value) !== before
      if (isDeleted || isElsewhere || isChanged || wrapped.has(id)) throw new NativeAbort(INVALID_USAGE)
    }
  }

  #put(id: Address, written: Written, effects: Effects): void {
    const list = this.context.created.has(id) ? effects.created : effects.written
    list.push(id)
    const { owner } = written
    if (owner.kind === 'address') effects.toAccount.push([id, owner.address])
    else if (owner.kind === 'object') effects.toObject.push([id, owner.parent])
    else if (owner.kind === 'shared') effects.shared.push(id)
    else effects.frozen.push(id)
    if (owner.kind !== 'object') this.#inventory.set(id, written)
  }
}

/** Adds the IDs of objects that lie in a value. */
function wrappedIn(vm: Vm, type: MoveType, value: Value, into: Set<Address>, isRoot = true): void {
  if (type.kind === 'vector') {
    if (type.element.kind === 'datatype' || type.element.kind === 'vector')
      for (const element of value as Value[]) wrappedIn(vm, type.element, element, into, false)
    return
  }
  if (type.kind !== 'datatype') return
  const definition = vm.definition(type)!
  if (!isRoot && (definition.abilities & HAS_KEY) !== 0) into.add(idOf(value))
  const fields =
    value instanceof EnumValue
      ? { types: definition.variants![value.tag]!.fields, values: value.fields }
      : { types: definition.fields!, values: value as Value[] }
  fields.types.forEach((field, i) => {
    wrappedIn(vm, vm.types.instantiate(field.type, type.typeArguments), fields.values[i]!, into, false)
  })
}
