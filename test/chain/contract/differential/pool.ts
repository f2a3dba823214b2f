/** What a pool is worth, by the rules. Amounts are in FROST, rates are pairs of FROST and shares. */

export interface Rate {
  frost: bigint
  shares: bigint
}

const rateOf = (frost: bigint, shares: bigint): Rate =>
  frost === 0n || shares === 0n ? { frost: 1n, shares: 1n } : { frost, shares }
const toShares = (rate: Rate, frost: bigint) => (frost * rate.shares) / rate.frost
const toFrost = (rate: Rate, shares: bigint) => (shares * rate.frost) / rate.shares

export const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** Something that happens in an epoch. */
interface Due<What> {
  epoch: number
  what: What
}

export class Pool {
  latestEpoch = 0
  balance = 0n
  shares = 0n
  rewards = 0n
  commission = 0n
  blocked = 0n
  rate: number
  storagePrice: bigint
  writePrice: bigint
  capacity: bigint
  /** principals that come */
  coming: Due<bigint>[] = []
  /** shares that go */
  going: Due<bigint>[] = []
  /** principals that go after one epoch, by the epoch in which they go */
  passing: Due<bigint>[] = []
  /** principals that come, and those of them that go again, by the epoch in which they do; each with when it came */
  moved: (Due<bigint> & { since: number })[] = []
  #rates: Due<number>[] = []
  readonly #worth: (Rate | undefined)[] = [rateOf(0n, 0n)]

  constructor(rate: number, storagePrice: bigint, writePrice: bigint, capacity: bigint) {
    this.rate = rate
    this.storagePrice = storagePrice
    this.writePrice = writePrice
    this.capacity = capacity
  }

  announceRate(epoch: number, rate: number): void {
    this.#rates = [...this.#rates.filter(due => due.epoch !== epoch), { epoch, what: rate }]
  }

  /** The last that was recorded, and for an epoch to come that of now. */
  rateAt(epoch: number): Rate {
    if (epoch > this.latestEpoch) return rateOf(this.balance, this.shares)
    for (let past = epoch; past >= 0; past--) {
      const rate = this.#worth[past]
      if (rate) return rate
    }
    return rateOf(0n, 0n)
  }

  /** What is worth in an epoch without what has come within the last `settle` of them. */
  olderAt(epoch: number, settle: number): bigint {
    const recent = this.moved
      .filter(due => due.epoch <= epoch && epoch < due.since + settle)
      .reduce((sum, { what }) => sum + what, 0n)
    return this.balance - min(recent, this.balance)
  }

  sharesOf(principal: bigint, activation: number): bigint {
    return toShares(this.rateAt(activation), principal)
  }

  earned(principal: bigint, activation: number, until: number): bigint {
    const worth = toFrost(this.rateAt(until), this.sharesOf(principal, activation))
    return worth > principal ? worth - principal : 0n
  }

  #balanceAfter(rate: Rate, epoch: number): bigint {
    const sum = (list: readonly Due<bigint>[], value: (due: Due<bigint>) => bigint) =>
      list.filter(due => due.epoch <= epoch).reduce((total, due) => total + value(due), 0n)
    // what passes through in one epoch is rounded once, like the contract's sum for that epoch
    const passing = new Map<number, bigint>()
    for (const { epoch: leaves, what } of this.passing) {
      if (leaves <= epoch) passing.set(leaves, (passing.get(leaves) ?? 0n) + what)
    }
    const shares =
      sum(this.going, due => due.what) +
      [...passing].reduce((total, [leaves, principal]) => total + this.sharesOf(principal, leaves - 1), 0n)
    const total = this.balance + sum(this.coming, due => due.what)
    return total - min(total, toFrost(rate, shares))
  }

  balanceAt(epoch: number): bigint {
    return this.#balanceAfter(rateOf(this.balance, this.shares), epoch)
  }

  addCommission(amount: bigint, block: boolean): void {
    this.commission += amount
    if (block) this.blocked += amount
  }

  collect(): bigint {
    const free = this.commission - this.blocked
    this.commission = this.blocked
    return free
  }

  advance(rewards: bigint, epoch: number): void {
    const commission = (rewards * BigInt(this.rate)) / 10_000n
    this.addCommission(commission, true)
    const rates = this.#rates.filter(due => due.epoch <= epoch).sort((a, b) => a.epoch - b.epoch)
    this.rate = rates.at(-1)?.what ?? this.rate
    this.#rates = this.#rates.filter(due => due.epoch > epoch)
    this.balance += rewards - commission
    this.rewards += rewards - commission

    const worth = rateOf(this.balance, this.shares)
    this.#worth[epoch] = worth
    for (const due of this.coming) if (due.epoch < epoch) this.#worth[due.epoch] = worth
    this.balance = this.#balanceAfter(worth, epoch)
    this.shares = toShares(worth, this.balance)
    const later = (due: { epoch: number }) => due.epoch > epoch
    this.coming = this.coming.filter(later)
    this.going = this.going.filter(later)
    this.passing = this.passing.filter(later)
    this.latestEpoch = epoch
  }
}
