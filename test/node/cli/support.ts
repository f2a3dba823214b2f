import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { commandLine } from '../../support/command-line.ts'
import { fakeParts } from '../../support/fake-parts.ts'

const FLOE = join(import.meta.dirname, '..', '..', 'support', 'fake-floe.ts')
/** The command line itself, for tests against a chain that runs. */
export const REAL_FLOE = join(import.meta.dirname, '..', '..', '..', 'node', 'cli', 'main.ts')

export interface Ended {
  code: number | null
  stdout: Buffer
  stderr: string
}

export interface Running {
  child: ChildProcess
  ended: Promise<Ended>
}

/** Starts `floe ARGS` as a process. */
export function spawnFloe(
  cwd: string,
  args: string[],
  env: Record<string, string> = {},
  program = FLOE,
): Running {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...process.env, FAKE_FLOE_DIR: cwd, ...env },
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', chunk => stdout.push(chunk))
  child.stderr.on('data', chunk => stderr.push(chunk))
  const ended = once(child, 'close').then(([code]) => ({
    code,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString(),
  }))
  return { child, ended }
}

/** They run until they are told to stop. */
const RUNNING = ['up', 'localnet', 'relay']

/**
 * Runs `floe ARGS` to its end; in a process of its own where it has an environment, or `input` on its standard input, or is to
 * run until a signal comes.
 */
export async function floe(
  cwd: string,
  args: string[],
  {
    input,
    env,
    program,
  }: { input?: string | Uint8Array; env?: Record<string, string>; program?: string } = {},
): Promise<Ended> {
  const isApart = input !== undefined || env !== undefined || RUNNING.includes(args[0]!)
  if (!isApart && program === undefined)
    return await inFolder(cwd, () => commandLine(cwd, args, fakeParts(cwd)))
  const { child, ended } = spawnFloe(cwd, args, env, program)
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  return await ended
}

/** A folder in which a network was started: network file and wallet. */
export async function networkFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'floe-cli-'))
  await mkdir(join(path, '.floe', 'keys'), { recursive: true })
  const network = {
    schemaVersion: 1,
    name: 'localnet',
    kind: 'localnet',
    suiRpc: ['http://127.0.0.1:1'],
    systemObjectId: `0x${'1'.padStart(64, '0')}`,
    stakingObjectId: `0x${'2'.padStart(64, '0')}`,
    walType: '0x1::wal::WAL',
    peers: [],
    nShards: 100,
  }
  await writeFile(join(path, '.floe', 'network.json'), JSON.stringify(network))
  const key = `${new Ed25519Keypair().getSecretKey()}\n`
  await writeFile(join(path, '.floe', 'keys', 'user.sui.key'), key, { mode: 0o600 })
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** Commands under way, and the folder that this process was in before the first of them. */
const inside = { commands: 0, before: '' }

/** Names of files mean those of the folder that a process is in. */
async function inFolder<T>(path: string, run: () => Promise<T>): Promise<T> {
  if (inside.commands++ === 0) inside.before = process.cwd()
  process.chdir(path)
  try {
    return await run()
  } finally {
    if (--inside.commands === 0) process.chdir(inside.before)
  }
}
