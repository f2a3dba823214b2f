/** The rules for who has which shards, as docs/contract.md and chain/contract/README.md say them, written plainly. */

export interface Seat {
  node: number
  stake: bigint
}

/** A tenth of the shards with 20 nodes or more, else twice an equal part, rounded up. */
function cap(nodes: number, nShards: number): number {
  if (nodes >= 20) return Math.max(1, Math.floor(nShards / 10))
  return Math.min(nShards, Math.ceil((nShards * 20) / (nodes * 10)))
}

/** Shard by shard: the next one goes to the highest stake / (shards + 1), among equals to the earlier. */
export function apportion(nShards: number, stakes: readonly bigint[]): number[] {
  const shards = stakes.map(() => 0)
  const limit = cap(stakes.length, nShards)
  for (let left = nShards; left > 0; left--) {
    let best = -1
    for (let i = 0; i < stakes.length; i++) {
      if (shards[i]! >= limit) continue
      if (best < 0 || stakes[i]! * BigInt(shards[best]! + 1) > stakes[best]! * BigInt(shards[i]! + 1))
        best = i
    }
    shards[best]!++
  }
  return shards
}

/** Nodes with the most stake. A new one comes last, or in the place of the first of the weakest when it is stronger. */
export class ActiveSet {
  readonly seats: Seat[] = []
  readonly #size: number

  constructor(size: number) {
    this.#size = size
  }

  set(node: number, stake: bigint): void {
    const at = this.seats.findIndex(seat => seat.node === node)
    if (stake === 0n) {
      if (at < 0) return
      const last = this.seats.pop()!
      if (at < this.seats.length) this.seats[at] = last
    } else if (at >= 0) {
      this.seats[at] = { node, stake }
    } else if (this.seats.length < this.#size) {
      this.seats.push({ node, stake })
    } else {
      const least = this.seats.reduce(
        (min, seat) => (seat.stake < min ? seat.stake : min),
        this.seats[0]!.stake,
      )
      if (stake > least) this.seats[this.seats.findIndex(seat => seat.stake === least)] = { node, stake }
    }
  }

  get total(): bigint {
    return this.seats.reduce((sum, { stake }) => sum + stake, 0n)
  }
}

/** Node -> its shards, in order of node ID. */
export type Committee = ReadonlyMap<number, readonly number[]>

/** `numbers` in the order of the active set; `rank` orders nodes by their ID. */
export function assign(
  old: Committee,
  numbers: readonly (readonly [node: number, shards: number])[],
  rank: (node: number) => number,
): Committee {
  const byRank = (a: number, b: number) => rank(a) - rank(b)
  const wanted = new Map(numbers.filter(([, shards]) => shards > 0))
  const next = new Map<number, number[]>()
  if (old.size === 0) {
    let first = 0
    for (const node of [...wanted.keys()].sort(byRank)) {
      next.set(
        node,
        Array.from({ length: wanted.get(node)! }, () => first++),
      )
    }
    return next
  }
  const pile: number[] = []
  for (const [node, shards] of old) {
    const keeps = wanted.get(node) ?? 0
    if (keeps === 0) pile.push(...shards)
    else if (keeps < shards.length) pile.push(...shards.slice(keeps).reverse())
    next.set(node, shards.slice(0, keeps))
  }
  const newcomers = [...wanted.keys()].filter(node => !old.has(node))
  const growing = [...old.keys()].filter(node => (wanted.get(node) ?? 0) > old.get(node)!.length)
  for (const node of [...newcomers, ...growing]) {
    const shards = next.get(node) ?? []
    while (shards.length < wanted.get(node)!) shards.push(pile.pop()!)
    next.set(node, shards)
  }
  return new Map([...wanted.keys()].sort(byRank).map(node => [node, next.get(node)!]))
}
