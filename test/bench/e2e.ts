/** Storing and reading one blob on the devnet, from a client in a process of its own with cold connections. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { BenchOptions } from './main.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZES = [KIB, 100 * KIB, MIB, 20 * MIB, 64 * MIB]
const QUICK_SIZES = [KIB, 20 * MIB]
/** The middle one is told: the first meets a devnet whose code is not yet compiled to machine code. */
const RUNS = 3

interface Measured {
  storeMs: number
  readMs: number
  streams: number
  bytesMoved: number
}

const root = join(import.meta.dirname, '..', '..')
const runFile = promisify(execFile)

export async function run({ json, quick }: BenchOptions): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'floe-bench-'))
  const start = performance.now()
  const up = ['node/cli/main.ts', 'up', '--json', '--port', '0', '--dir', dir]
  const devnet = spawn(process.execPath, up, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(devnet, 'exit')
  try {
    await Promise.race([
      once(createInterface(devnet.stdout), 'line'),
      exited.then(() => Promise.reject(new Error('the devnet did not start'))),
    ])
    if (!json) console.log(`devnet ready in ${((performance.now() - start) / 1000).toFixed(1)} s`)
    // what a person meets who stores something right after the start; not a line of its own in JSON
    const first = await measure(dir, KIB)
    if (!json) console.log(`the first 1 KiB stored in ${first.storeMs.toFixed(0)} ms`)
    if (!json) console.log('     bytes   store ms    read ms   streams    bytes moved   moved / bytes')
    for (const bytes of quick ? QUICK_SIZES : SIZES) {
      const runs = bytes === KIB ? [first] : []
      while (runs.length < (quick ? 1 : RUNS)) runs.push(await measure(dir, bytes))
      print(bytes, median(runs), json)
    }
  } finally {
    devnet.kill('SIGTERM')
    await exited
    await rm(dir, { recursive: true, force: true })
  }
}

async function measure(dir: string, bytes: number): Promise<Measured> {
  const script = join(root, 'test', 'bench', 'e2e', 'client.ts')
  const files = [join(dir, 'network.json'), join(dir, 'keys', 'user.sui.key')]
  const { stdout } = await runFile(process.execPath, [script, ...files, String(bytes)])
  return JSON.parse(stdout) as Measured
}

function median(runs: readonly Measured[]): Measured {
  const middle = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!
  return {
    storeMs: middle(runs.map(({ storeMs }) => storeMs)),
    readMs: middle(runs.map(({ readMs }) => readMs)),
    streams: middle(runs.map(({ streams }) => streams)),
    bytesMoved: middle(runs.map(({ bytesMoved }) => bytesMoved)),
  }
}

function print(bytes: number, { storeMs, readMs, streams, bytesMoved }: Measured, json: boolean): void {
  const rounded = { storeMs: Math.round(storeMs), readMs: Math.round(readMs) }
  if (json) {
    console.log(JSON.stringify({ bench: 'e2e', bytes, ...rounded, streams, bytesMoved }))
    return
  }
  const cells = [
    String(bytes).padStart(10),
    String(rounded.storeMs).padStart(11),
    String(rounded.readMs).padStart(11),
    String(streams).padStart(10),
    String(bytesMoved).padStart(15),
    (bytesMoved / bytes).toFixed(1).padStart(16),
  ]
  console.log(cells.join(''))
}
