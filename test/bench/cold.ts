/**
 * `floe store` and `floe read` as a person calls them, each a process that begins with nothing, on a devnet; beside them what Node needs
 * to start and end. `cold FOLDER` measures another checkout, set up, by turns on the same devnet. CPU time is of the command's process.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { BenchOptions } from './main.ts'
import { median } from './report/row.ts'
import { withDevnet } from './support/devnet.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZES = [KIB, 64 * MIB]
const ROUNDS = 7
const HERE = join(import.meta.dirname, '..', '..')

interface Took {
  ms: number
  cpuMs: number
  rssMiB: number
  stdout: string
}

export async function run({ quick, args, report }: BenchOptions): Promise<void> {
  const rounds = quick ? 1 : ROUNDS
  report({ of: { what: 'node -e 0' }, took: await middle(rounds, () => timed(['-e', '0'])) })
  const checkouts = [HERE, ...args.map(folder => resolve(folder))]
  await withDevnet([], async ({ dir }) => {
    for (const bytes of quick ? SIZES.slice(0, 1) : SIZES) {
      const stores = checkouts.map((): Took[] => [])
      const reads = checkouts.map((): Took[] => [])
      // the first one of each checkout compiles
      for (let round = -1; round < rounds; round++) {
        for (const [i, checkout] of checkouts.entries()) {
          const { store, read } = await roundTrip(checkout, dir, bytes)
          if (round < 0) continue
          stores[i]!.push(store)
          reads[i]!.push(read)
        }
      }
      for (const [i] of checkouts.entries()) {
        const of = { checkout: i === 0 ? 'this' : 'the other', bytes }
        report({ of: { ...of, what: 'floe store' }, took: middleOf(stores[i]!) })
        report({ of: { ...of, what: 'floe read' }, took: middleOf(reads[i]!) })
      }
    }
  })
}

async function roundTrip(checkout: string, dir: string, bytes: number): Promise<{ store: Took; read: Took }> {
  const floe = [join(checkout, 'node', 'cli', 'floe.mjs')]
  const network = ['--network', join(dir, 'network.json')]
  const file = join(dir, 'to-store')
  await writeFile(file, randomBytes(bytes))
  const store = await timed([...floe, 'store', file, '--json', '--no-quilt', ...network])
  const { blobId } = JSON.parse(store.stdout) as { blobId: string }
  const out = join(dir, 'was-read')
  const read = await timed([...floe, 'read', '--json', '-o', out, ...network, '--', blobId])
  await rm(out)
  return { store, read }
}

/** Tells the parent what the process took, when it ends. */
const TELL = `data:text/javascript,${encodeURIComponent(`process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  process.getBuiltinModule('fs').writeSync(3, JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1000, rssMiB: maxRSS / 1024 }))
})`)}`

async function timed(command: readonly string[]): Promise<Took> {
  const began = performance.now()
  const child = spawn(process.execPath, ['--import', TELL, ...command], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  })
  const read = async (stream: NodeJS.ReadableStream) => {
    let text = ''
    for await (const chunk of stream) text += chunk
    return text
  }
  const [stdout, told, [code]] = await Promise.all([
    read(child.stdout!),
    read(child.stdio[3] as NodeJS.ReadableStream),
    once(child, 'exit'),
  ])
  const ms = performance.now() - began
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`)
  return { ms, stdout, ...(JSON.parse(told) as Pick<Took, 'cpuMs' | 'rssMiB'>) }
}

async function middle(rounds: number, take: () => Promise<Took>): Promise<Record<string, number>> {
  const all: Took[] = []
  while (all.length < rounds) all.push(await take())
  return middleOf(all)
}

function middleOf(all: readonly Took[]): Record<string, number> {
  const of = (name: 'ms' | 'cpuMs' | 'rssMiB') => median(all.map(one => one[name]))
  return {
    ms: of('ms'),
    leastMs: Math.min(...all.map(({ ms }) => ms)),
    cpuMs: of('cpuMs'),
    rssMiB: of('rssMiB'),
  }
}
