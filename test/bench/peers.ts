/**
 * Reads beside a peer of ours: a client that has just begun reads a blob from the devnet's nodes, and a node of Helia that has just begun
 * reads a file of the same size from one that has it, over bitswap; by turns, all on loopback. Helia is installed by npm into a folder
 * of its own, which takes the network; `peers FOLDER` keeps it there for the next time. Modules are loaded before the clock starts.
 */
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { access, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from '../support/temporary.ts'
import type { BenchOptions } from './main.ts'
import { median } from './report/row.ts'
import { withDevnet } from './support/devnet.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZES = [KIB, MIB, 20 * MIB, 64 * MIB]
const ROUNDS = 5
const PACKAGES = ['helia@7.1.15', '@helia/unixfs@8.0.5']
const runFile = promisify(execFile)

/** What a reader tells. */
type Measured = Record<'ms' | 'cpuMs' | 'rssMiB', number>

export async function run({ quick, args, report }: BenchOptions): Promise<void> {
  const sizes = quick ? SIZES.slice(0, 2) : SIZES
  const temporary = await temporaryFolder()
  try {
    const program = await install(args[0] ?? temporary.path)
    const provider = fork(program, ['provide', ...sizes.map(String)])
    const [{ address, cids }] = (await once(provider, 'message')) as [{ address: string; cids: string[] }]
    await withDevnet([], async ({ dir }) => {
      const files = [join(dir, 'network.json'), join(dir, 'keys', 'user.sui.key')]
      const storing = [join(import.meta.dirname, 'read', 'store.ts'), ...files, ...sizes.map(String)]
      const blobIds = JSON.parse((await runFile(process.execPath, storing)).stdout) as string[]
      const reader = join(import.meta.dirname, 'peers', 'floe-reader.ts')
      for (const [i, bytes] of sizes.entries()) {
        const floe: Measured[] = []
        const helia: Measured[] = []
        for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
          floe.push(await told(reader, [files[0]!, blobIds[i]!, String(bytes)]))
          helia.push(await told(program, ['read', address, cids[i]!, String(bytes)]))
        }
        const of = (all: readonly Measured[], name: keyof Measured) => median(all.map(one => one[name]))
        const ratios = floe.map(({ ms }, round) => ms / helia[round]!.ms)
        report({
          of: { bytes },
          took: {
            floeMs: of(floe, 'ms'),
            heliaMs: of(helia, 'ms'),
            ratio: median(ratios),
            floeCpuMs: of(floe, 'cpuMs'),
            heliaCpuMs: of(helia, 'cpuMs'),
            floeRssMiB: of(floe, 'rssMiB'),
            heliaRssMiB: of(helia, 'rssMiB'),
          },
        })
      }
    })
    provider.disconnect()
    await once(provider, 'exit')
  } finally {
    await temporary.remove()
  }
}

/** Gives the program that runs Helia. */
async function install(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const isThere = await access(join(folder, 'node_modules', 'helia')).then(
    () => true,
    () => false,
  )
  if (!isThere) {
    await writeFile(join(folder, 'package.json'), '{"private":true}')
    await runFile('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...PACKAGES], {
      cwd: folder,
    })
  }
  const program = join(folder, 'helia.mjs')
  await copyFile(join(import.meta.dirname, 'peers', 'helia.mjs'), program)
  return program
}

async function told(program: string, args: readonly string[]): Promise<Measured> {
  const child = fork(program, args)
  const exited = once(child, 'exit')
  const failed = exited.then(([code]) => Promise.reject(new Error(`${program} ended with ${code}`)))
  const [measured] = (await Promise.race([once(child, 'message'), failed])) as [Measured]
  failed.catch(() => undefined)
  await exited
  return measured
}
