import { CRASH_POINTS, type CrashPoint } from '../e2e/support/crash-points.ts'
import { Random } from '../support/random.ts'

/** What is done to a network. A node is named by its index; a fault that has `ms` is over after that time. */
export type Act =
  | { kind: 'kill'; node: number }
  /** at each of the points, one after the other */
  | { kind: 'crash'; node: number; points: CrashPoint[]; ms: number }
  /** SIGSTOP, SIGCONT */
  | { kind: 'hang'; node: number; ms: number }
  /** killed, and its store is removed */
  | { kind: 'wipe'; node: number }
  /** a bit of one of its packs: which one, and where in it, as shares from 0 to 1 */
  | { kind: 'flip'; node: number; pack: number; at: number }
  /** from all other nodes and clients */
  | { kind: 'cut'; node: number; ms: number }
  /** two from each other */
  | { kind: 'part'; node: number; other: number; ms: number }
  /** from the chain: it hears and tells nothing */
  | { kind: 'deaf'; node: number; ms: number }
  /** its clock, which is right again after that time */
  | { kind: 'skew'; node: number; byMs: number; ms: number }
  /** Its wallet has no SUI: it can tell the chain nothing. */
  | { kind: 'broke'; node: number; ms: number }
  /** Who stores has no WAL. */
  | { kind: 'poor' }
  | { kind: 'stake'; node: number; wal: number }
  | { kind: 'leave'; node: number }
  /** of one that has left, and whose disk is empty now */
  | { kind: 'return'; node: number }
  /** the three parts of an epoch's change: the committee is selected, the epoch begins, enough have reported */
  | { kind: 'select' | 'begin' | 'done' }
  /** All are killed at once: more than f, and reads may fail until they are back. */
  | { kind: 'storm' }

export type Step = Act & { pauseMs: number }

export interface PlanInit {
  seed: number | string
  nodes: number
  steps: number
  /** whether wallets are emptied, too; not when absent */
  wallets?: boolean
}

const PHASES = ['select', 'begin', 'done'] as const
const FAULTS = ['kill', 'hang', 'wipe', 'flip', 'cut', 'part', 'deaf', 'skew'] as const
type FaultKind = (typeof FAULTS)[number] | 'broke'
/** Stake that moves is no more than half of what a node begins with, so that none comes to have more than f. */
const MOST_WAL = 500
/** A machine whose time nobody looks after. */
const MOST_SKEW_MS = 3_600_000
/** Committees of fewer have members that are more than f. */
const LEAST_NODES = 4

/** The same seed gives the same plan, whatever happens in a run. */
export function planOf({ seed, nodes, steps, wallets = false }: PlanInit): Step[] {
  const random = new Random(seed)
  const plan: Step[] = []
  const add = (act: Act): void => {
    plan.push({ ...act, pauseMs: 100 + random.int(900) })
  }
  const away = new Set<number>()
  const all: FaultKind[] = wallets ? [...FAULTS, 'broke'] : [...FAULTS]
  let kinds: FaultKind[] = []
  /** Each kind comes before any of them comes again. */
  const disturb = (times: number): void => {
    for (let left = times; left > 0; left--) {
      if (kinds.length === 0) kinds = random.shuffled(all)
      add(faultOf(random, nodes, kinds.pop()!))
    }
  }
  for (let turns = 0; plan.length < steps; turns++) {
    const stormAfter = turns % 3 === 2 ? random.pick(PHASES) : undefined
    for (const act of movesOf(random, nodes, away)) add(act)
    if (wallets && random.chance(0.3)) add({ kind: 'poor' })
    disturb(1 + random.int(2))
    for (const kind of PHASES) {
      if (kind === 'begin') add(crashOf(random, nodes))
      add({ kind })
      if (kind === stormAfter) add({ kind: 'storm' })
      disturb(random.int(3))
    }
  }
  return plan.slice(0, steps)
}

function faultOf(random: Random, nodes: number, kind: FaultKind): Act {
  const node = random.int(nodes)
  const ms = 500 + random.int(4_000)
  switch (kind) {
    case 'kill':
    case 'wipe':
      return { kind, node }
    case 'hang':
    case 'cut':
    case 'deaf':
    case 'broke':
      return { kind, node, ms }
    case 'flip':
      return { kind, node, pack: random.next(), at: random.next() }
    case 'skew':
      return { kind, node, byMs: random.pick([-1, 1]) * random.int(MOST_SKEW_MS), ms: 4 * ms }
    case 'part':
      return { kind, node, other: (node + 1 + random.int(nodes - 1)) % nodes, ms }
  }
}

function crashOf(random: Random, nodes: number): Act {
  const points = Array.from({ length: 1 + random.int(2) }, () => random.pick(CRASH_POINTS))
  return { kind: 'crash', node: random.int(nodes), points, ms: 8_000 }
}

function movesOf(random: Random, nodes: number, away: Set<number>): Act[] {
  const node = random.int(nodes)
  const [back] = away
  if (back !== undefined && random.chance(0.6)) {
    away.delete(back)
    return [
      { kind: 'wipe', node: back },
      { kind: 'return', node: back },
    ]
  }
  if (!away.has(node) && nodes - away.size > LEAST_NODES && random.chance(0.5)) {
    away.add(node)
    return [{ kind: 'leave', node }]
  }
  return away.has(node) ? [] : [{ kind: 'stake', node, wal: 1 + random.int(MOST_WAL) }]
}

/** As a line, for people. */
export function tell({ kind, ...rest }: Act | Step): string {
  const { pauseMs: _, ...shown } = rest as Partial<Step>
  const fields = Object.entries(shown).map(([name, value]) => {
    const text = typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(3) : String(value)
    return `${name} ${text}`
  })
  return [kind, ...fields].join(', ')
}
