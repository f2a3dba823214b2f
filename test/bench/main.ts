import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadText } from './report/load.ts'
import { type Row, rowPrinter } from './report/row.ts'
import { runSeries } from './report/series.ts'

/** What every bench gets. */
export interface BenchOptions {
  /** fewer and smaller cases, to see that the bench runs */
  quick: boolean
  /** what follows the bench's name */
  args: readonly string[]
  /** of `scale`: how many there are; several sizes when absent */
  blobs?: number | undefined
  /** Told of each case as soon as it is measured. */
  report(row: Row): void
}

const benches = readdirSync(import.meta.dirname)
  .filter(file => /^[a-z0-9-]+\.ts$/.test(file) && file !== 'main.ts')
  .map(file => file.slice(0, -3))

const usage = `usage: npm run bench -- NAME|all [--json] [--quick] [--rounds N] [--save] [--compare] [--threshold RATIO] [--blobs N] [ARGUMENT ...]
benches: ${benches.join(', ')}

  --json       one line per case
  --quick      fewer and smaller cases
  --rounds     each in a process of its own; the median is told (3 for all, --save and --compare)
  --save       keeps the figures in test/bench/baselines, for machines of this kind
  --compare    shows the ratio to those; marks what takes more than --threshold (1.25) times as much. Asserts nothing
  --blobs      of scale: so many instead of 10,000 and 100,000`

interface Flags {
  json: boolean
  quick: boolean
  save: boolean
  compare: boolean
  rounds: number
  threshold: number
  blobs?: number | undefined
}

function parse(): { names: string[]; args: string[]; flags: Flags } | undefined {
  const flag = { type: 'boolean', default: false } as const
  const number = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: flag,
      quick: flag,
      save: flag,
      compare: flag,
      rounds: number,
      threshold: number,
      blobs: number,
    },
  })
  const [name, ...args] = positionals
  const rounds = Number(values.rounds ?? (name === 'all' || values.save || values.compare ? 3 : 0))
  const threshold = Number(values.threshold ?? 1.25)
  const blobs = values.blobs === undefined ? undefined : Number(values.blobs)
  if (blobs !== undefined && !(Number.isInteger(blobs) && blobs > 0)) return
  if (!Number.isInteger(rounds) || rounds < 0 || !(threshold >= 1)) return
  const names = name === 'all' ? benches : benches.filter(one => one === name)
  return names.length === 0 ? undefined : { names, args, flags: { ...values, rounds, threshold, blobs } }
}

const asked = parse()
if (asked === undefined) {
  console.error(usage)
  process.exit(2)
}
const { names, args, flags } = asked
if (flags.rounds > 0) await runSeries({ names, args, ...flags })
else {
  const { run } = (await import(join(import.meta.dirname, `${names[0]}.ts`))) as {
    run: (options: BenchOptions) => Promise<void>
  }
  const report = flags.json ? (row: Row) => console.log(JSON.stringify(row)) : rowPrinter(console.log)
  await run({ quick: flags.quick, args, blobs: flags.blobs, report })
  console.error(loadText())
}
