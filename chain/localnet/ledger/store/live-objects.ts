import type { Address } from '../address.ts'
import { fundsOf } from '../funds.ts'
import { coinBalance, coinTypeOf, type LedgerObject, type MoveObject, type Owner } from '../object.ts'
import { SortedList } from './sorted-list.ts'

export interface Page<T> {
  items: T[]
  /** where the next page starts; absent on the last */
  next?: string
}

export interface PageOptions {
  limit: number
  /** `next` of the page before */
  after?: string
}

/** Where an object stands in what its owner has: pages go on after it. */
export const ownedKey = ({ type, id }: MoveObject): string => `${type}|${id}`

/** What an address has of one currency. */
export interface Holdings {
  /** in its coins */
  total: bigint
  /** number of coins */
  coins: number
  /** in its address balance */
  funds: bigint
}

/** The newest version of every live object, with indexes for what clients ask. */
export class LiveObjects {
  readonly #objects = new Map<Address, LedgerObject>()
  /** address -> `type|id` of what it owns, so that one type is one range */
  readonly #owned = new Map<Address, SortedList>()
  /** parent object -> IDs of its fields */
  readonly #children = new Map<Address, SortedList>()
  /** address -> coin type -> what it has */
  readonly #balances = new Map<Address, Map<string, Holdings>>()
  /** first version's ID -> IDs of all versions, in order */
  readonly #versions = new Map<Address, Address[]>()
  /** `CoinMetadata<T>`, `Display<T>` and the like: type -> ID */
  readonly #singletons = new Map<string, Address>()

  get(id: Address): LedgerObject | undefined {
    return this.#objects.get(id)
  }

  all(): IterableIterator<LedgerObject> {
    return this.#objects.values()
  }

  packageVersions(originalId: Address): readonly Address[] {
    return this.#versions.get(originalId) ?? []
  }

  put(object: LedgerObject): void {
    const before = this.#objects.get(object.id)
    if (before !== undefined) this.#unindex(before)
    this.#objects.set(object.id, object)
    if (object.kind === 'package') {
      if (before === undefined)
        this.#versions.set(object.originalId, [...this.packageVersions(object.originalId), object.id])
      return
    }
    this.#index(object)
  }

  delete(id: Address): void {
    const before = this.#objects.get(id)
    if (before === undefined) return
    this.#unindex(before)
    this.#objects.delete(id)
  }

  /** Objects of an address, in order of type and ID; of one exact type, or of one generic type's instances. */
  ownedBy(owner: Address, { limit, after, type }: PageOptions & { type?: string }): Page<MoveObject> {
    const list = this.#owned.get(owner)
    if (list === undefined) return { items: [] }
    const keys = list.page(limit + 1, { after, prefix: typePrefix(type) })
    return this.#page(keys, limit, key => key.slice(key.lastIndexOf('|') + 1))
  }

  fieldsOf(parent: Address, { limit, after }: PageOptions): Page<MoveObject> {
    return this.#page(this.#children.get(parent)?.page(limit + 1, { after }) ?? [], limit, key => key)
  }

  balance(owner: Address, coinType: string): Holdings {
    return this.#balances.get(owner)?.get(coinType) ?? { total: 0n, coins: 0, funds: 0n }
  }

  balances(owner: Address, { limit, after }: PageOptions): Page<Holdings & { coinType: string }> {
    const all = [...(this.#balances.get(owner) ?? [])]
      .map(([coinType, holdings]) => ({ coinType, ...holdings }))
      .filter(entry => after === undefined || entry.coinType > after)
      .sort((a, b) => (a.coinType < b.coinType ? -1 : 1))
    const items = all.slice(0, limit)
    return all.length > limit ? { items, next: items.at(-1)!.coinType } : { items }
  }

  /** The one object of a type such as `0x2::coin::CoinMetadata<T>`; of several the one that changed last. */
  singleton(type: string): MoveObject | undefined {
    const id = this.#singletons.get(type)
    return id === undefined ? undefined : (this.#objects.get(id) as MoveObject)
  }

  #page(keys: string[], limit: number, idOf: (key: string) => Address): Page<MoveObject> {
    const more = keys.length > limit
    if (more) keys.pop()
    const items = keys.map(key => this.#objects.get(idOf(key)) as MoveObject)
    return more ? { items, next: keys.at(-1)! } : { items }
  }

  #index(object: MoveObject): void {
    const owner = ownerAddress(object.owner)
    if (owner !== undefined) {
      getOrMake(this.#owned, owner, () => new SortedList()).add(ownedKey(object))
      this.#addBalance(owner, object, 1)
    } else if (object.owner.kind === 'object') {
      getOrMake(this.#children, object.owner.address, () => new SortedList()).add(object.id)
      this.#addFunds(object, 1)
    }
    if (SINGLETON.test(object.type)) this.#singletons.set(object.type, object.id)
  }

  #unindex(object: LedgerObject): void {
    if (object.kind === 'package') return
    const owner = ownerAddress(object.owner)
    if (owner !== undefined) {
      remove(this.#owned, owner, ownedKey(object))
      this.#addBalance(owner, object, -1)
    } else if (object.owner.kind === 'object') {
      remove(this.#children, object.owner.address, object.id)
      this.#addFunds(object, -1)
    }
    if (this.#singletons.get(object.type) === object.id) this.#singletons.delete(object.type)
  }

  #addBalance(owner: Address, object: MoveObject, sign: 1 | -1): void {
    const coinType = coinTypeOf(object.type)
    if (coinType === undefined) return
    this.#addHoldings(owner, coinType, {
      total: BigInt(sign) * coinBalance(object.contents),
      coins: sign,
      funds: 0n,
    })
  }

  #addFunds(object: MoveObject, sign: 1 | -1): void {
    const funds = fundsOf(object)
    if (funds === undefined) return
    const { owner, coinType, amount } = funds
    this.#addHoldings(owner, coinType, { total: 0n, coins: 0, funds: BigInt(sign) * amount })
  }

  #addHoldings(owner: Address, coinType: string, change: Holdings): void {
    const balances = getOrMake(this.#balances, owner, () => new Map<string, Holdings>())
    const { total, coins, funds } = this.balance(owner, coinType)
    const next = { total: total + change.total, coins: coins + change.coins, funds: funds + change.funds }
    if (next.coins === 0 && next.funds === 0n) balances.delete(coinType)
    else balances.set(coinType, next)
    if (balances.size === 0) this.#balances.delete(owner)
  }
}

const SINGLETON =
  /^0x0{63}2::(coin::(CoinMetadata|TreasuryCap|RegulatedCoinMetadata)|coin_registry::Currency|display::Display|display_registry::Display)</

/** An address that can list the object as its own. */
const ownerAddress = (owner: Owner): Address | undefined =>
  owner.kind === 'address' || owner.kind === 'consensus' ? owner.address : undefined

/** Keys of one type; a type without its arguments stands for all of its instances. */
const typePrefix = (type: string | undefined): string => {
  if (type === undefined) return ''
  return type.endsWith('<') ? type : `${type}|`
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

function remove(lists: Map<Address, SortedList>, key: Address, entry: string): void {
  const list = lists.get(key)
  list?.delete(entry)
  if (list?.size === 0) lists.delete(key)
}
