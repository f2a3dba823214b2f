/** Several rounds of several benches, each in a process of its own; the baseline of the machine; the comparison with it. */
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import {
  type Compared,
  compare,
  formatBaseline,
  type Measured,
  machineKind,
  merge,
  parseBaseline,
  summarize,
} from './baseline.ts'
import { load, loadText } from './load.ts'
import { type Row, rowPrinter, shown } from './row.ts'

export interface SeriesOptions {
  names: readonly string[]
  rounds: number
  quick: boolean
  args: readonly string[]
  blobs?: number | undefined
  json: boolean
  /** keeps what was measured as the baseline of this kind of machine */
  save: boolean
  /** shows the ratio to that baseline */
  compare: boolean
  /** the ratio from which on a figure is marked */
  threshold: number
}

const runFile = promisify(execFile)
const folder = join(import.meta.dirname, '..')

export async function runSeries(options: SeriesOptions): Promise<void> {
  const { names, json, quick } = options
  const kind = machineKind(cpus()[0]?.model ?? 'unknown', availableParallelism(), process.version)
  const path = join(folder, 'baselines', `${kind}${quick ? '.quick' : ''}.jsonl`)
  const before = await known(path)
  const { average, cores } = load()
  if (average > cores / 2) console.error(`this machine is busy, ${loadText()}: expect noise`)
  const busiest = Math.max(...before.map(one => one.load ?? 0))
  if (options.compare && busiest > cores / 2)
    console.error(`the baseline was taken on a busy machine, load ${busiest.toFixed(1)}`)
  const now = await measure(options)
  if (!options.compare) {
    for (const name of names) {
      if (!json) console.log(`\n${name}, medians of ${options.rounds} rounds`)
      const print = json ? undefined : rowPrinter(line => console.log(line))
      for (const one of now.filter(({ bench }) => bench === name)) {
        if (print === undefined) console.log(JSON.stringify(one))
        else print({ of: one.of, took: medians(one) })
      }
    }
  } else if (before.length === 0) console.error(`no baseline of this kind of machine: ${path}`)
  else show(compare(before, now, options.threshold), json)
  if (options.save) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, formatBaseline(merge(before, now)))
    console.error(`saved ${path}`)
  }
}

const medians = ({ took }: Measured) =>
  Object.fromEntries(Object.entries(took).map(([name, { median }]) => [name, median]))

async function known(path: string): Promise<Measured[]> {
  try {
    return parseBaseline(await readFile(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Round by round, not bench by bench: what slows the machine for a while then shows as noise, not as one slow bench. */
async function measure({ names, rounds, quick, args: own, blobs }: SeriesOptions): Promise<Measured[]> {
  const { stdout: commit } = await runFile('git', ['describe', '--always', '--dirty'], { cwd: folder })
  const rows = new Map(names.map(name => [name, [] as Row[][]]))
  const args = blobs === undefined ? own : [...own, '--blobs', String(blobs)]
  let busiest = 0
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      const start = performance.now()
      rows.get(name)!.push(await oneRound(name, quick, args))
      busiest = Math.max(busiest, load().average)
      const seconds = ((performance.now() - start) / 1000).toFixed(0)
      console.error(`${name}, round ${round} of ${rounds}: ${seconds} s, ${loadText()}`)
    }
  }
  const measured = [...rows].flatMap(([name, all]) => summarize(name, all, commit.trim()))
  return measured.map(one => ({ ...one, load: Number(busiest.toFixed(1)) }))
}

async function oneRound(name: string, quick: boolean, args: readonly string[]): Promise<Row[]> {
  const call = [join(folder, 'main.ts'), name, '--json', ...(quick ? ['--quick'] : []), ...args]
  const { stdout } = await runFile(process.execPath, call, { maxBuffer: 64 * 1024 * 1024 })
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Row)
}

function show(compared: readonly Compared[], json: boolean): void {
  if (json) {
    for (const one of compared) console.log(JSON.stringify(one))
    return
  }
  const line = (cells: readonly string[], verdict: string) => {
    const [what, ...numbers] = cells
    console.log(`${what!.padEnd(64)}${numbers.map(cell => cell.padStart(10)).join('')}  ${verdict}`.trimEnd())
  }
  line(['', 'before', 'now', 'ratio', 'noise'], '')
  for (const { bench, of, figure, before, now, ratio, noise, verdict } of compared) {
    const cells = [before.median, now.median].map(shown)
    const what = [bench, ...Object.values(of), figure].join(' ')
    line(
      [what, ...cells, ratio.toFixed(2), `${(noise * 100).toFixed(0)} %`],
      verdict === 'same' ? '' : verdict,
    )
  }
}
