import { NativeAbort } from '../errors.ts'
import type { Meter } from '../meter.ts'
import type { Address, MoveType } from '../types.ts'
import type { Value } from '../values.ts'
import { type Owner, TestContext, type Written } from './context.ts'

const invalidUsage = 1 // EInvalidSharedOrImmutableUsage
const objectNotFound = 4 // EObjectNotFound
const ticketExists = 6 // EReceivingTicketAlreadyAllocated
const noTicket = 7 // EUnableToDeallocateReceivingTicket

interface Stored extends Written {
  /** what it was when it was put there, to see whether an immutable object was changed */
  before: string
}

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

/** The objects of a Move test that runs several transactions. */
export class Scenario {
  readonly context: TestContext
  /** in the order in which they were put there */
  readonly #inventory = new Map<Address, Stored>()
  readonly #taken = new Map<Address, Stored>()
  readonly #tickets = new Map<Address, bigint>()
  #nextVersion = 1n

  constructor(meter: Meter) {
    this.context = new TestContext(meter, (parent, id, version, type) =>
      this.#receive(parent, id, version, type),
    )
  }

  /** Objects of a type that are there for an owner, oldest first. */
  ids(type: MoveType, owner: Owner): Address[] {
    return [...this.#inventory]
      .filter(([, object]) => object.type === type && isSameOwner(object.owner, owner))
      .map(([id]) => id)
  }

  take(type: MoveType, id: Address, owner: Owner): Value {
    const object = this.#inventory.get(id)
    if (!object || object.type !== type || !isSameOwner(object.owner, owner))
      throw new NativeAbort(objectNotFound)
    this.#inventory.delete(id)
    this.#taken.set(id, object)
    return object.value
  }

  wasTaken(id: Address, owner: Owner): boolean {
    const object = this.#taken.get(id)
    return object !== undefined && isSameOwner(object.owner, owner)
  }

  allocateTicket(type: MoveType, id: Address): bigint {
    if (this.#tickets.has(id)) throw new NativeAbort(ticketExists)
    if (this.#inventory.get(id)?.type !== type) throw new NativeAbort(objectNotFound)
    const version = this.#nextVersion++
    this.#tickets.set(id, version)
    return version
  }

  deallocateTicket(id: Address): void {
    if (!this.#tickets.delete(id)) throw new NativeAbort(noTicket)
  }

  #receive(parent: Address, id: Address, version: bigint, type: MoveType): Value | undefined {
    if (this.#tickets.get(id) !== version) return undefined
    this.#tickets.delete(id)
    return this.take(type, id, { kind: 'address', address: parent })
  }

  /** Ends the transaction: what it wrote is there for the next one. */
  end(): Effects {
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
    this.#checkTaken()
    for (const [id, written] of context.writes) this.#put(id, written, effects)
    this.#taken.clear()
    this.#tickets.clear()
    context.reset()
    return effects
  }

  /** Shared and immutable objects must go back where they came from; shared ones may be deleted instead. */
  #checkTaken(): void {
    for (const [id, { owner, value, before }] of this.#taken) {
      if (owner.kind !== 'shared' && owner.kind !== 'immutable') continue
      const written = this.context.writes.get(id)
      const isDeleted = owner.kind === 'shared' && this.context.deleted.has(id)
      const isBack = written !== undefined && isSameOwner(written.owner, owner)
      if (!isBack && !isDeleted) throw new NativeAbort(invalidUsage)
      if (owner.kind === 'immutable' && print(value) !== before) throw new NativeAbort(invalidUsage)
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
    if (owner.kind === 'object') return
    this.#inventory.delete(id)
    this.#inventory.set(id, { ...written, before: owner.kind === 'immutable' ? print(written.value) : '' })
  }
}
