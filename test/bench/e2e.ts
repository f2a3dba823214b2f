/** Storing and reading one blob on the devnet, from a client in a process of its own with cold connections. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BenchOptions } from './main.ts'
import { median } from './report/row.ts'
import { withDevnet } from './support/devnet.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZES = [KIB, 100 * KIB, MIB, 20 * MIB, 64 * MIB]
const QUICK_SIZES = [KIB, 20 * MIB]
/** The middle one is told: the first meets a devnet whose code is not yet compiled to machine code. */
const RUNS = 3

/** What `e2e/client.ts` prints. */
interface Measured {
  storeMs: number
  readMs: number
  /** of the client's process, for both */
  cpuMs: number
  streams: number
  bytesMoved: number
}

const runFile = promisify(execFile)

export function run({ quick, report }: BenchOptions): Promise<void> {
  return withDevnet([], async ({ dir, startMs }) => {
    report({ of: { case: 'devnet, until it is ready' }, took: { ms: startMs } })
    // what a person meets who stores something right after the start
    const first = await measure(dir, KIB)
    report({ of: { case: 'the first 1 KiB' }, took: { storeMs: first.storeMs } })
    for (const bytes of quick ? QUICK_SIZES : SIZES) {
      const runs = bytes === KIB ? [first] : []
      while (runs.length < (quick ? 1 : RUNS)) runs.push(await measure(dir, bytes))
      const of = (name: keyof Measured) => median(runs.map(one => one[name]))
      const [storeMs, readMs, cpuMs] = [of('storeMs'), of('readMs'), of('cpuMs')].map(Math.round)
      const took = { storeMs: storeMs!, readMs: readMs!, cpuMs: cpuMs! }
      report({
        of: { bytes },
        took: { ...took, streams: of('streams'), movedPerByte: of('bytesMoved') / bytes },
      })
    }
  })
}

async function measure(dir: string, bytes: number): Promise<Measured> {
  const script = join(import.meta.dirname, 'e2e', 'client.ts')
  const files = [join(dir, 'network.json'), join(dir, 'keys', 'user.sui.key')]
  const { stdout } = await runFile(process.execPath, [script, ...files, String(bytes)])
  return JSON.parse(stdout) as Measured
}
