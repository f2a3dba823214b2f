/** What benches took on a machine before, to be compared with what they take now. */
import { median, type Row } from './row.ts'

/** Of several rounds. */
export interface Figure {
  low: number
  median: number
  high: number
}

export interface Measured {
  bench: string
  of: Row['of']
  took: Readonly<Record<string, Figure>>
  rounds: number
  /** of the code that was measured */
  commit: string
  /** how busy the machine was at most, as `load` tells; of older lines it is not known */
  load?: number
}

export interface Compared {
  bench: string
  of: Row['of']
  figure: string
  before: Figure
  now: Figure
  /** how many times as much it takes now: above 1 is slower or larger, for rates as well */
  ratio: number
  /** the larger of the two spreads of rounds, as a part of the median */
  noise: number
  /** `unclear`: beyond the threshold, but rounds of before and now overlap */
  verdict: 'same' | 'better' | 'worse' | 'unclear'
}

/** Machines of one kind share a baseline; a name that files may have. */
export function machineKind(cpuModel: string, cores: number, nodeVersion: string): string {
  const [major] = nodeVersion.replace(/^v/, '').split('.')
  return `${cpuModel} ${cores} cores node ${major}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}

/** The rows of one bench, of all its rounds. A case that not every round has is left to the rounds that have it. */
export function summarize(bench: string, rounds: readonly (readonly Row[])[], commit: string): Measured[] {
  const cases = new Map<string, Row[]>()
  for (const row of rounds.flat()) {
    const key = JSON.stringify(row.of)
    cases.set(key, [...(cases.get(key) ?? []), row])
  }
  return [...cases.values()].map(rows => ({
    bench,
    of: rows[0]!.of,
    took: Object.fromEntries(
      Object.keys(rows[0]!.took).map(name => [name, figure(rows.flatMap(({ took }) => took[name] ?? []))]),
    ),
    rounds: rows.length,
    commit,
  }))
}

function figure(values: readonly number[]): Figure {
  return { low: Math.min(...values), median: median(values), high: Math.max(...values) }
}

/** A baseline in which the benches that were measured now take the place of what was known of them. */
export function merge(before: readonly Measured[], now: readonly Measured[]): Measured[] {
  const measured = new Set(now.map(({ bench }) => bench))
  return [...before.filter(({ bench }) => !measured.has(bench)), ...now].sort((a, b) =>
    a.bench < b.bench ? -1 : a.bench > b.bench ? 1 : 0,
  )
}

/** Every figure that both have, in the order of now. `threshold` is a ratio, above 1. */
export function compare(
  before: readonly Measured[],
  now: readonly Measured[],
  threshold: number,
): Compared[] {
  const known = new Map(before.map(one => [keyOf(one), one]))
  return now.flatMap(one => {
    const took = known.get(keyOf(one))?.took ?? {}
    return Object.entries(one.took).flatMap(([name, figure]) => {
      const old = took[name]
      if (old === undefined) return []
      const { bench, of } = one
      return [{ bench, of, figure: name, before: old, now: figure, ...judge(name, old, figure, threshold) }]
    })
  })
}

const keyOf = ({ bench, of }: Measured) => JSON.stringify([bench, of])

function judge(
  name: string,
  before: Figure,
  now: Figure,
  threshold: number,
): Pick<Compared, 'ratio' | 'noise' | 'verdict'> {
  const isRate = name.endsWith('PerSecond')
  const ratio = isRate ? quotient(before.median, now.median) : quotient(now.median, before.median)
  const noise = Math.max(spread(before), spread(now))
  if (ratio <= threshold && ratio >= 1 / threshold) return { ratio, noise, verdict: 'same' }
  const overlap = before.low <= now.high && now.low <= before.high
  return { ratio, noise, verdict: overlap ? 'unclear' : ratio > 1 ? 'worse' : 'better' }
}

const quotient = (a: number, b: number) => (a === b ? 1 : a / b)
const spread = ({ low, median, high }: Figure) => (high === low ? 0 : (high - low) / median)

/** One case a line, so that a change shows as the lines that changed. */
export function formatBaseline(measured: readonly Measured[]): string {
  return measured.map(one => `${JSON.stringify(one)}\n`).join('')
}

/** Throws a `SyntaxError` when a line is no JSON. */
export function parseBaseline(text: string): Measured[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Measured)
}
