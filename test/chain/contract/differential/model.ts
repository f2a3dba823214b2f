/** A network by the rules: what each call does, and with which code it ends when it may not be made. */
import { min, Pool } from './pool.ts'
import { ActiveSet, apportion, assign, type Committee } from './shards.ts'

export const FROST = 1_000_000_000n
export const EPOCH_MS = 1_000
const EPOCHS_AHEAD = 4
const ACTIVE_SET_SIZE = 150
const MIB = 1_048_576n
const MAX_U64 = 2n ** 64n - 1n
/** A payment is taken from a coin of this size. */
/** Epochs within which stake pays 1% when it leaves. */
const SETTLE = 2
const FEE = 100n
const PURSE = 1_000_000_000_000_000n

export interface NodeTerms {
  rate: number
  storagePrice: bigint
  writePrice: bigint
  capacity: bigint
}

/** What the contract tells of epochs, in order; members by their numbers. */
export type EpochEvent =
  | { type: 'EpochParametersSelected'; nextEpoch: number }
  | { type: 'EpochChangeStart'; epoch: number }
  | { type: 'EpochChangeDone'; epoch: number }
  | { type: 'ShardsReceived'; epoch: number; shards: readonly number[] }

export interface ModelOptions {
  epochMs?: number
  /** nodes that may be in a committee */
  maxMembers?: number
}

export interface Stake {
  node: number
  principal: bigint
  activation: number
  /** epoch of the withdrawal, after notice */
  leaves?: number
  /** of its principal, in basis points, to be paid when it leaves */
  fee?: bigint
}

/** Ends a call: `module::ECode`, as the contract names it. */
export class Abort extends Error {}

function check(holds: boolean, code: string): asserts holds {
  if (!holds) throw new Abort(code)
}

interface Account {
  rewards: bigint
  used: bigint
}

export class Model {
  epoch = 0
  selected = false
  readonly stakes: (Stake | undefined)[] = []
  readonly pools: Pool[]
  readonly #nShards: number
  readonly #rank: (node: number) => number
  readonly #denied: bigint[]
  readonly #accounts: Account[] = Array.from({ length: EPOCHS_AHEAD }, () => ({ rewards: 0n, used: 0n }))
  readonly #set: ActiveSet
  readonly #epochMs: number
  readonly #reported = new Map<number, number>()
  /** weight that has reported; undefined once it was a quorum */
  #syncing: number | undefined
  #committee: Committee = new Map()
  #previous: Committee = new Map()
  #next: Committee | undefined
  #nextCapacity = 0n
  #capacity = 0n
  #prices: [storage: bigint, write: bigint] = [0n, 0n]
  #supply = 0n
  #fees = 0n
  #elapsedMs = 0

  /** what has happened, for whoever takes it out */
  readonly events: EpochEvent[] = []

  constructor(
    nShards: number,
    nodes: readonly NodeTerms[],
    rank: (node: number) => number,
    { epochMs = EPOCH_MS, maxMembers = ACTIVE_SET_SIZE }: ModelOptions = {},
  ) {
    this.#nShards = nShards
    this.#set = new ActiveSet(maxMembers)
    this.#epochMs = epochMs
    this.#rank = rank
    this.pools = nodes.map(node => new Pool(node.rate, node.storagePrice, node.writePrice, node.capacity))
    this.#denied = nodes.map(() => 0n)
  }

  get committee(): Committee {
    return this.#committee
  }

  get next(): Committee | undefined {
    return this.#next
  }

  /** Weight that has reported the epoch; undefined when the change is done. */
  get syncing(): number | undefined {
    return this.#syncing
  }

  isMember(node: number): boolean {
    return this.#committee.has(node)
  }

  // === Stake ===

  stake(node: number, amount: bigint): bigint[] {
    check(amount > 0n, 'staking_pool::EZeroStake')
    check(amount >= FROST, 'staked_wal::EStakeBelowThreshold')
    const activation = this.#openEpoch
    this.pools[node]!.coming.push({ epoch: activation, what: amount })
    this.pools[node]!.moved.push({ epoch: activation, what: amount, since: activation })
    this.stakes.push({ node, principal: amount, activation })
    this.#supply += amount
    this.#updateSet(node)
    return [BigInt(activation)]
  }

  request(i: number): bigint[] {
    const stake = this.stakes[i]!
    const pool = this.pools[stake.node]!
    check(stake.leaves === undefined, 'staking_pool::ENotStaked')
    check(!this.#isEarly(stake), 'staking_pool::EWithdrawDirectly')
    if (stake.activation > this.epoch) {
      stake.leaves = stake.activation + 1
      pool.passing.push({ epoch: stake.leaves, what: stake.principal })
    } else {
      const [now, next] = [this.#committee.has(stake.node), this.#next?.has(stake.node)]
      check(now || next === true, 'staking_pool::EWithdrawDirectly')
      stake.leaves = this.epoch + (next ? 2 : 1)
      pool.going.push({ epoch: stake.leaves, what: pool.sharesOf(stake.principal, stake.activation) })
    }
    pool.moved.push({ epoch: stake.leaves, what: -stake.principal, since: stake.activation })
    const nodeGoes = this.#next !== undefined && !this.#next.has(stake.node)
    if (this.epoch < stake.activation + SETTLE && !nodeGoes) stake.fee = FEE
    this.#updateSet(stake.node)
    return [BigInt(stake.leaves)]
  }

  withdraw(i: number): bigint[] {
    const stake = this.stakes[i]!
    const { node, principal, activation } = stake
    const pool = this.pools[node]!
    let paid = principal
    if (this.#isEarly(stake)) {
      pool.coming.push({ epoch: activation, what: -principal })
      pool.moved.push({ epoch: activation, what: -principal, since: activation })
    } else {
      let until = stake.leaves
      if (until === undefined) {
        const counts = this.#committee.has(node) || this.#next?.has(node) === true
        check(!counts, 'staking_pool::ENotWithdrawing')
        until = this.epoch
        pool.going.push({ epoch: until, what: pool.sharesOf(principal, activation) })
        pool.moved.push({ epoch: until, what: -principal, since: activation })
      }
      check(until <= this.epoch, 'staking_pool::EWithdrawEpochNotReached')
      const rewards = min(pool.earned(principal, activation, until), pool.rewards)
      pool.rewards -= rewards
      const fee = (principal * (stake.fee ?? 0n)) / 10_000n
      this.#fees += fee
      paid += rewards - fee
    }
    this.stakes[i] = undefined
    this.#supply -= paid
    this.#updateSet(node)
    return [paid]
  }

  split(i: number, amount: bigint): bigint[] {
    const stake = this.stakes[i]!
    check(amount < stake.principal, 'staked_wal::EInvalidAmount')
    check(min(amount, stake.principal - amount) >= FROST, 'staked_wal::EStakeBelowThreshold')
    stake.principal -= amount
    this.stakes.push({ ...stake, principal: amount })
    return []
  }

  join(i: number, j: number): bigint[] {
    const [stake, other] = [this.stakes[i]!, this.stakes[j]!]
    const same =
      stake.node === other.node &&
      stake.activation === other.activation &&
      stake.leaves === other.leaves &&
      stake.fee === other.fee
    check(same, 'staked_wal::EMetadataMismatch')
    stake.principal += other.principal
    this.stakes[j] = undefined
    return []
  }

  tryJoin(node: number): bigint[] {
    this.#updateSet(node)
    return []
  }

  /** Not part of a selection yet. */
  #isEarly({ activation, node, leaves }: Stake): boolean {
    if (leaves !== undefined) return false
    return activation > this.epoch + 1 || (activation > this.epoch && this.#next?.has(node) !== true)
  }

  /** The epoch whose committee is not chosen yet. */
  get #openEpoch(): number {
    return this.epoch + (this.selected ? 2 : 1)
  }

  #updateSet(node: number): void {
    this.#set.set(node, this.pools[node]!.balanceAt(this.#openEpoch))
  }

  // === Nodes ===

  setCommission(node: number, rate: number): bigint[] {
    check(rate <= 10_000, 'staking_pool::EIncorrectCommissionRate')
    this.pools[node]!.announceRate(this.epoch + 2, rate)
    return []
  }

  collect(node: number): bigint[] {
    const paid = this.pools[node]!.collect()
    this.#supply -= paid
    return [paid]
  }

  addCommission(node: number, amount: bigint): bigint[] {
    this.pools[node]!.addCommission(amount, !this.selected)
    this.#supply += amount
    return []
  }

  vote(node: number, storage: bigint, write: bigint, capacity: bigint): bigint[] {
    Object.assign(this.pools[node]!, { storagePrice: storage, writePrice: write, capacity })
    return []
  }

  updatePrices(): bigint[] {
    const votes = (of: (pool: Pool) => bigint) =>
      [...this.#committee].map(([node, { length }]) => ({ value: of(this.pools[node]!), weight: length }))
    const price = (of: (pool: Pool) => bigint) =>
      this.#committee.size === 0 ? MAX_U64 : this.#lowest(votes(of))
    this.#prices = [price(pool => pool.storagePrice), price(pool => pool.writePrice)]
    return []
  }

  deny(node: number, size: bigint): bigint[] {
    check(this.isMember(node), 'system_state_inner::ENotCommitteeMember')
    this.#denied[node] = size
    return []
  }

  #isQuorum(weight: number): boolean {
    return 3 * weight >= 2 * this.#nShards + 1
  }

  /** That 2f + 1 shards voted for, or less. */
  #lowest(votes: { value: bigint; weight: number }[]): bigint {
    const support = (limit: bigint) =>
      votes.filter(({ value }) => value <= limit).reduce((sum, { weight }) => sum + weight, 0)
    return votes
      .map(({ value }) => value)
      .reduce((best, value) => (this.#isQuorum(support(value)) && value < best ? value : best), MAX_U64)
  }

  /** That 2f + 1 shards voted for, or more. */
  #highest(votes: { value: bigint; weight: number }[]): bigint {
    const support = (limit: bigint) =>
      votes.filter(({ value }) => value >= limit).reduce((sum, { weight }) => sum + weight, 0)
    return votes
      .map(({ value }) => value)
      .reduce((best, value) => (this.#isQuorum(support(value)) && value > best ? value : best), 0n)
  }

  // === Storage ===

  reserve(bytes: bigint, start: number, end: number): bigint[] {
    const first = Math.max(start, this.epoch)
    check(end > first, 'system_state_inner::EInvalidEpochsAhead')
    check(end - this.epoch <= EPOCHS_AHEAD, 'system_state_inner::EInvalidEpochsAhead')
    const price = this.#prices[0] * ((bytes + MIB - 1n) / MIB)
    const cost = price * BigInt(end - first)
    check(price <= MAX_U64, 'system_state_inner::ARITHMETIC_ERROR')
    check(cost <= PURSE, 'balance::2')
    check(bytes > 0n, 'system_state_inner::EInvalidResourceSize')
    const accounts = this.#accounts.slice(first - this.epoch, end - this.epoch)
    check(
      accounts.every(({ used }) => used + bytes <= this.#capacity),
      'system_state_inner::EStorageExceeded',
    )
    for (const account of accounts) {
      account.rewards += price
      account.used += bytes
    }
    this.#supply += cost
    return [cost]
  }

  subsidize(amount: bigint, epochs: number): bigint[] {
    check(epochs > 0 && epochs <= EPOCHS_AHEAD, 'system_state_inner::EInvalidEpochsAhead')
    const each = amount / BigInt(epochs)
    for (let offset = 0; offset < epochs; offset++) this.#accounts[offset]!.rewards += each
    this.#accounts[0]!.rewards += amount - each * BigInt(epochs)
    this.#supply += amount
    return []
  }

  // === Epochs ===

  select(ms: number): bigint[] {
    const elapsedMs = this.#elapsedMs + ms
    check(!this.selected && this.#syncing === undefined, 'staking_inner::EWrongEpochState')
    check(this.epoch === 0 || elapsedMs >= this.#epochMs / 2, 'staking_inner::EWrongEpochState')
    check(this.#set.total > 0n, 'staking_inner::ENoStake')
    this.#elapsedMs = elapsedMs
    for (const node of this.#previous.keys()) this.pools[node]!.blocked = 0n
    const { seats } = this.#set
    const numbers = apportion(
      this.#nShards,
      seats.map(({ stake }) => stake),
    )
    this.#next = assign(
      this.#committee,
      seats.map(({ node }, i) => [node, numbers[i]!] as const),
      this.#rank,
    )
    this.#nextCapacity = this.#highest(
      [...this.#next].map(([node, { length: weight }]) => ({
        value: min((this.pools[node]!.capacity * BigInt(this.#nShards)) / BigInt(weight), MAX_U64),
        weight,
      })),
    )
    this.selected = true
    this.events.push({ type: 'EpochParametersSelected', nextEpoch: this.epoch + 1 })
    return this.state()
  }

  /** To the next epoch, and its shards into place. */
  advance(ms: number): bigint[] {
    this.begin(ms)
    for (const node of this.pools.keys()) if (this.isMember(node)) this.report(node)
    return this.state()
  }

  /** A member has all of its shards. Tells whether the change is done. */
  report(node: number, epoch = this.epoch, ms = 0): bigint[] {
    check(epoch === this.epoch, 'staking_inner::EInvalidSyncEpoch')
    check((this.#reported.get(node) ?? 0) < epoch, 'staking_inner::EDuplicateSyncDone')
    check(this.isMember(node), 'staking_inner::ENotInCommittee')
    this.#elapsedMs += ms
    this.#reported.set(node, epoch)
    const shards = this.#committee.get(node)!
    if (this.#syncing !== undefined) {
      const weight = this.#syncing + shards.length
      this.#syncing = this.#isQuorum(weight) ? undefined : weight
      if (this.#syncing === undefined) {
        this.#elapsedMs = 0
        this.events.push({ type: 'EpochChangeDone', epoch })
      }
    }
    this.events.push({ type: 'ShardsReceived', epoch, shards })
    return [this.#syncing === undefined ? 1n : 0n]
  }

  /** To the next epoch; nobody has reported yet. */
  begin(ms: number): bigint[] {
    check(this.#next !== undefined, 'staking_inner::ENextCommitteeIsEmpty')
    check(this.epoch === 0 || this.#elapsedMs + ms >= this.#epochMs, 'staking_inner::EWrongEpochState')
    const { rewards: paid, used } = this.#accounts.shift()!
    this.#accounts.push({ rewards: 0n, used: 0n })
    const burned = (paid * 3n) / 100n
    this.#supply -= burned
    const pot = paid - burned

    const stored = [...this.#committee].map(
      ([node, shards]) => BigInt(shards.length) * (used - min(used, this.#denied[node]!)),
    )
    const all = stored.reduce((sum, part) => sum + part, 0n)
    const rewards = stored.map(part => (all === 0n ? 0n : (part * pot) / all))
    this.#accounts[0]!.rewards += pot - rewards.reduce((sum, reward) => sum + reward, 0n)

    this.#shareFees(rewards)

    this.#capacity =
      this.#nextCapacity > this.#accounts[0]!.used ? this.#nextCapacity : this.#accounts[0]!.used
    this.epoch++
    this.#previous = this.#committee
    this.#committee = this.#next
    this.#next = undefined
    this.selected = false
    const ended = [...this.#previous.keys()]
    const fresh = [...this.#committee.keys()].filter(node => !this.#previous.has(node))
    for (const [i, node] of [...ended, ...fresh].entries()) {
      this.pools[node]!.advance(rewards[i] ?? 0n, this.epoch)
      this.#updateSet(node)
    }
    this.updatePrices()
    this.#elapsedMs = 0
    this.#syncing = 0
    this.events.push({ type: 'EpochChangeStart', epoch: this.epoch })
    return this.state()
  }

  /** Half of the fees is burned, half goes to pools by their older stake; what rounding leaves waits. */
  #shareFees(rewards: bigint[]): void {
    const older = [...this.#committee.keys()].map(node => this.pools[node]!.olderAt(this.epoch, SETTLE))
    const all = older.reduce((sum, stake) => sum + stake, 0n)
    const shared = all === 0n ? 0n : this.#fees / 2n
    this.#supply -= this.#fees - shared
    this.#fees = shared
    for (const [i, stake] of older.entries()) {
      const part = all === 0n ? 0n : (shared * stake) / all
      rewards[i]! += part
      this.#fees -= part
    }
  }

  /** FROST in stakes, commissions and payments to come: all that was paid in and not out. */
  get held(): bigint {
    const ahead = this.#accounts.reduce((sum, { rewards }) => sum + rewards, 0n)
    const staked = this.stakes.reduce((sum, stake) => sum + (stake?.principal ?? 0n), 0n)
    const pools = this.pools.reduce((sum, { rewards, commission }) => sum + rewards + commission, 0n)
    return ahead + staked + pools + this.#fees
  }

  /** FROST that there are. */
  get supply(): bigint {
    return this.#supply
  }

  /** As the contract's side tells it. */
  state(): bigint[] {
    const committee = [...this.#committee].flatMap(([node, shards]) => [node, shards.length, ...shards])
    return [
      BigInt(this.epoch),
      this.#capacity,
      this.#accounts[0]!.used,
      ...this.#prices,
      this.#supply,
      ...this.#accounts.flatMap(({ rewards, used }) => [rewards, used]),
      BigInt(this.#committee.size),
      ...committee.map(BigInt),
      BigInt(this.#set.seats.length),
      ...this.#set.seats.flatMap(({ node, stake }) => [BigInt(node), stake]),
      ...this.pools.flatMap(pool => [
        BigInt(pool.latestEpoch),
        pool.balance,
        pool.shares,
        pool.rewards,
        pool.commission,
        BigInt(pool.rate),
        pool.balanceAt(this.epoch + 1),
        pool.balanceAt(this.epoch + 2),
      ]),
    ]
  }
}
