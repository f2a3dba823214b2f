/** Random histories, and what the model and the contract make of them. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Machine } from './machine.ts'
import { Abort, EPOCH_MS, type EpochEvent, FROST, Model, type NodeTerms } from './model.ts'
import { ActiveSet, apportion, assign, type Committee } from './shards.ts'

/** Numbers of which the model makes a call that can be made, or none. */
interface Intent {
  kind: number
  a: number
  b: number
  amount: bigint
}

const MIB = 1_048_576n
/** What may be called, by its number in `walrus::differential`, and how often it is tried. */
const weights: readonly (readonly [kind: number, weight: number])[] = [
  [0, 20],
  [1, 14],
  [2, 14],
  [3, 5],
  [4, 3],
  [5, 4],
  [6, 5],
  [7, 12],
  [8, 4],
  [9, 3],
  [10, 4],
  [11, 3],
  [12, 3],
  [13, 3],
  [14, 40],
  [17, 20],
]

/** Round numbers so that stakes are often equal, and odd ones so that they round. */
const amount = fc.oneof(
  fc.constantFrom(10n, 20n, 100n).map(wal => wal * FROST),
  fc.bigInt({ min: FROST, max: 100n * FROST }),
  fc.constantFrom(0n, FROST - 1n, FROST),
)

const intent: fc.Arbitrary<Intent> = fc.record({
  kind: fc.oneof(...weights.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) }))),
  a: fc.nat(10_000),
  b: fc.nat(10_000),
  amount,
})

const terms: fc.Arbitrary<NodeTerms> = fc.record({
  rate: fc.constantFrom(0, 0, 500, 3_333, 10_000),
  storagePrice: fc.bigInt({ min: 0n, max: 50_000n }),
  writePrice: fc.bigInt({ min: 0n, max: 50_000n }),
  capacity: fc.bigInt({ min: 0n, max: 1_000_000n * MIB }),
})

const histories = fc.record({
  nShards: fc.constantFrom(4, 7, 10, 13, 31),
  nodes: fc.oneof(
    { weight: 12, arbitrary: fc.array(terms, { minLength: 1, maxLength: 6 }) },
    { weight: 1, arbitrary: fc.array(terms, { minLength: 19, maxLength: 22 }) },
  ),
  // everybody begins with some stake, mostly
  first: fc.array(amount, { maxLength: 22 }),
  intents: fc.array(intent, { minLength: 30, maxLength: 100, size: 'max' }),
  /** tried in the end until one may not be made */
  last: fc.array(intent, { maxLength: 6 }),
})

type History = typeof histories extends fc.Arbitrary<infer T> ? T : never

/** The contract must tell what the model tells, step by step, and end with the code with which the model ends. */
function holdHistory(machine: Machine, { nShards, nodes, first, intents, last }: History): void {
  const ids = machine.nodeIds(nodes.length)
  const rank = (node: number) => ids.filter(id => id < ids[node]!).length
  const model = new Model(nShards, nodes, rank)
  const steps: bigint[][] = []
  const told: bigint[][] = []
  const attempt = (step: bigint[] | undefined): string | undefined => {
    if (!step) return undefined
    try {
      told.push(apply(model, step))
      steps.push(step)
      return undefined
    } catch (error) {
      if (error instanceof Abort) return error.message
      throw error
    }
  }
  first.slice(0, nodes.length).forEach((amount, node) => void attempt([0n, BigInt(node), amount]))
  for (const one of intents) attempt(stepOf(model, one))
  const input = nodes.map(({ rate, storagePrice, writePrice, capacity }) => [
    BigInt(rate),
    storagePrice,
    writePrice,
    capacity,
  ])
  told.push(model.state())
  assert.deepEqual(machine.history(nShards, input, steps), told)
  // what an abort had begun is not among them: only what counts is told
  assert.deepEqual(machine.epochEvents(), model.events.map(textOf))

  for (const one of last) {
    const step = stepOf(model, one)
    const code = attempt(step)
    if (step && code !== undefined) {
      assert.equal(machine.history(nShards, input, [...steps, step]), code)
      return
    }
  }
}

function textOf({ type, ...fields }: EpochEvent): string {
  return `${type} ${JSON.stringify(Object.values(fields))}`
}

/** A call out of numbers; undefined when there is nothing to call it with. */
function stepOf(model: Model, { kind, a, b, amount }: Intent): bigint[] | undefined {
  const node = BigInt(a % model.pools.length)
  const stakes = [...model.stakes.keys()].filter(i => model.stakes[i] !== undefined)
  const stake = BigInt(stakes[a % stakes.length] ?? 0)
  const needsStake = kind >= 1 && kind <= 4
  if (needsStake && stakes.length === 0) return undefined
  switch (kind) {
    case 0:
    case 9:
      return [BigInt(kind), node, amount]
    case 1:
    case 2:
      return [BigInt(kind), stake]
    case 3:
      return [3n, stake, amount / 4n]
    case 4: {
      const other = BigInt(stakes[b % stakes.length]!)
      return other === stake ? undefined : [4n, stake, other]
    }
    case 5:
      return [5n, node, BigInt(b)]
    case 6:
    case 13:
      return [BigInt(kind), node]
    case 7: {
      const start = model.epoch + (a % 3) - 1
      return [7n, BigInt(b) * BigInt(a) * 1_000n, BigInt(Math.max(0, start)), BigInt(start + 1 + (b % 4))]
    }
    case 8:
      return [8n, amount / 1_000n, BigInt(a % 6)]
    case 10:
      return [10n, node, BigInt(a), BigInt(b), amount * 1_000n]
    case 11:
      return [11n]
    case 12:
      return [12n, node, BigInt(b) * MIB]
    case 17:
      // of an epoch that is over now and then
      return [17n, node, BigInt(Math.max(0, model.epoch - (b % 10 === 0 ? 1 : 0))), BigInt(b % 3)]
    default: {
      // with all reports, or with those that come one by one
      const next = a % 2 === 0 ? 15n : 16n
      // too early now and then
      return [model.selected ? next : 14n, BigInt(b % 10 === 0 ? 499 : EPOCH_MS / 2)]
    }
  }
}

function apply(model: Model, step: readonly bigint[]): bigint[] {
  const [kind = 0n, a = 0n, b = 0n, c = 0n, d = 0n] = step
  switch (Number(kind)) {
    case 0:
      return model.stake(Number(a), b)
    case 1:
      return model.request(Number(a))
    case 2:
      return model.withdraw(Number(a))
    case 3:
      return model.split(Number(a), b)
    case 4:
      return model.join(Number(a), Number(b))
    case 5:
      return model.setCommission(Number(a), Number(b))
    case 6:
      return model.collect(Number(a))
    case 7:
      return model.reserve(a, Number(b), Number(c))
    case 8:
      return model.subsidize(a, Number(b))
    case 9:
      return model.addCommission(Number(a), b)
    case 10:
      return model.vote(Number(a), b, c, d)
    case 11:
      return model.updatePrices()
    case 12:
      return model.deny(Number(a), b)
    case 13:
      return model.tryJoin(Number(a))
    case 14:
      return model.select(Number(a))
    case 16:
      return model.begin(Number(a))
    case 17:
      return model.report(Number(a), Number(b), Number(c))
    default:
      return model.advance(Number(a))
  }
}

// === Parts ===

const apportionments = fc.record({
  nShards: fc.integer({ min: 1, max: 100 }),
  stakes: fc.array(fc.oneof(fc.bigInt({ min: 1n, max: 20n }), fc.bigInt({ min: 1n, max: 10n ** 18n })), {
    minLength: 1,
    maxLength: 30,
  }),
})

function holdApportionment(
  machine: Machine,
  { nShards, stakes }: { nShards: number; stakes: bigint[] },
): void {
  assert.deepEqual(machine.apportion(nShards, stakes), apportion(nShards, stakes))
}

const updates = fc.record({
  size: fc.integer({ min: 1, max: 6 }),
  updates: fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.bigInt({ min: 0n, max: 6n })), {
    maxLength: 40,
  }),
})

function holdUpdates(
  machine: Machine,
  { size, updates }: { size: number; updates: [number, bigint][] },
): void {
  const set = new ActiveSet(size)
  for (const [node, stake] of updates) set.set(node, stake)
  assert.deepEqual(
    machine.activate(
      size,
      updates.map(([node, stake]) => [BigInt(node), stake]),
    ),
    [set.seats.map(({ node }) => BigInt(node)), set.seats.map(({ stake }) => stake), [set.total]],
  )
}

/** Committees of up to 8 nodes with the same number of shards, in any order of nodes. */
const committees = fc.integer({ min: 1, max: 30 }).chain(nShards =>
  fc.array(
    fc
      .tuple(
        fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 1 }),
        fc.array(fc.nat(nShards), { minLength: 8, maxLength: 8 }),
      )
      .map(([nodes, cuts]) => {
        const ends = [...cuts.slice(0, nodes.length - 1).sort((x, y) => x - y), nShards]
        return nodes.map((node, i) => [node, ends[i]! - (ends[i - 1] ?? 0)] as const)
      }),
    { minLength: 1, maxLength: 6 },
  ),
)

function holdCommittees(machine: Machine, numbers: (readonly (readonly [number, number])[])[]): void {
  let committee: Committee = new Map()
  for (const pairs of numbers) committee = assign(committee, pairs, node => node)
  assert.deepEqual(
    machine.assign(numbers.map(pairs => pairs.map(([node, shards]) => [BigInt(node), BigInt(shards)]))),
    [...committee].map(([node, shards]) => [node, ...shards].map(BigInt)),
  )
}

interface Size {
  seed: number
  numRuns: number
}

/** Everything in which the contract is held against the model, whole histories last. */
export const comparisons: Readonly<
  Record<'apportionment' | 'activeSet' | 'committees' | 'histories', (machine: Machine, size: Size) => void>
> = {
  apportionment: holding(apportionments, holdApportionment),
  activeSet: holding(updates, holdUpdates),
  committees: holding(committees, holdCommittees),
  histories: holding(histories, holdHistory),
}

function holding<Input>(inputs: fc.Arbitrary<Input>, hold: (machine: Machine, input: Input) => void) {
  return (machine: Machine, size: Size) => {
    fc.assert(
      fc.property(inputs, input => hold(machine, input)),
      size,
    )
  }
}
