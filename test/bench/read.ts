/**
 * Reading from the devnet's nodes, by a client in a process of its own: when the first verified byte is there, what moves, and how
 * many peers it takes. Then the same while all cores are busy, and over a relay.
 */
import { execFile, spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { rangeSlivers, sliverLength } from '../../codec/index.ts'
import type { BenchOptions } from './main.ts'
import type { ReadMeasured } from './read/reader.ts'
import { median } from './report/row.ts'
import { withDevnet } from './support/devnet.ts'

const MIB = 1024 * 1024
const SHARDS = 100
const RUNS = 3
const runFile = promisify(execFile)

/** What `read/reader.ts` prints. */
type Measured = Record<'cold' | 'warm', ReadMeasured>

interface Case {
  name: string
  size: number
  /** the whole blob when absent */
  range?: readonly [start: number, end: number]
  busy?: boolean
}

const CASES: readonly Case[] = [
  { name: '1 MiB', size: MIB },
  { name: '5 MiB', size: 5 * MIB },
  { name: '64 MiB', size: 64 * MIB },
  { name: '1 MiB within 100 MiB', size: 100 * MIB, range: [40 * MIB, 41 * MIB] },
  { name: '10 MiB within 100 MiB', size: 100 * MIB, range: [40 * MIB, 50 * MIB] },
  { name: '3 MiB, busy cores', size: 3 * MIB, busy: true },
  { name: '5 MiB, busy cores', size: 5 * MIB, busy: true },
]

export async function run({ quick, report }: BenchOptions): Promise<void> {
  const runs = quick ? 1 : RUNS
  const cases = quick ? CASES.slice(0, 2) : CASES
  for (const paths of quick ? (['direct'] as const) : (['direct', 'relayed'] as const)) {
    await withDevnet(paths === 'relayed' ? ['--private'] : [], async ({ dir }) => {
      const blobs = await store(dir, [...new Set(cases.map(({ size }) => size))])
      for (const one of cases) {
        const measured: Measured[] = []
        while (measured.length < runs) measured.push(await read(dir, blobs.get(one.size)!, one))
        for (const state of ['cold', 'warm'] as const) {
          const of = (name: keyof ReadMeasured) => median(measured.map(run => run[state][name]))
          const movedPerByte = of('bytesMoved') / leastBytes(one)
          const took = { firstByteMs: of('firstByteMs'), ms: of('ms'), movedPerByte, peers: of('peers') }
          report({ of: { case: one.name, paths, state }, took })
        }
      }
    })
  }
}

async function store(dir: string, sizes: readonly number[]): Promise<Map<number, string>> {
  const files = [join(dir, 'network.json'), join(dir, 'keys', 'user.sui.key')]
  const script = join(import.meta.dirname, 'read', 'store.ts')
  const { stdout } = await runFile(process.execPath, [script, ...files, ...sizes.map(String)])
  const blobIds = JSON.parse(stdout) as string[]
  return new Map(sizes.map((size, i) => [size, blobIds[i]!]))
}

async function read(dir: string, blobId: string, { range, busy = false }: Case): Promise<Measured> {
  const script = join(import.meta.dirname, 'read', 'reader.ts')
  const others = Array.from({ length: busy ? 2 * availableParallelism() : 0 }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  )
  try {
    const args = [script, join(dir, 'network.json'), blobId, ...(range ?? []).map(String)]
    return JSON.parse((await runFile(process.execPath, args)).stdout)
  } finally {
    for (const other of others) other.kill()
  }
}

/** What must move: the blob, or the rows that hold the range. */
function leastBytes({ size, range }: Case): number {
  if (range === undefined) return size
  const metadata = { nShards: SHARDS, unencodedLength: size }
  return rangeSlivers(metadata, ...range).length * sliverLength(SHARDS, size, 'primary')
}
