import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = join(import.meta.dirname, '..', '..', '..')
const MAIN = join(root, 'node', 'cli', 'main.ts')

export interface CliResult {
  code: number | null
  stdout: Buffer
  stderr: string
}

/** Runs one command of `floe` in a process of its own. */
export async function cli(args: readonly string[], options: { timeoutMs?: number } = {}): Promise<CliResult> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: root, timeout: options.timeoutMs ?? 60_000 })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }
}

/** A command that runs until it is told to stop, ready. */
export interface FloeProcess {
  /** the line that it prints with `--json` when it is ready */
  ready: Record<string, unknown>
  readonly pid: number
  /** what it wrote to standard error */
  stderr(): string
  /** Sends a signal and waits for the end; the exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
}

export type UpProcess = FloeProcess

/** `floe up --json` in a process of its own, ready. Rejects with what it wrote when it ends before. */
export const upProcess = (args: readonly string[]): Promise<UpProcess> => floeProcess(['up', ...args])

/** `floe ARGS --json` in a process of its own, ready. Rejects with what it wrote when it ends before. */
export async function floeProcess(args: readonly string[]): Promise<FloeProcess> {
  const child = spawn(process.execPath, [MAIN, ...args, '--json'], { cwd: root })
  const err: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const stderr = () => Buffer.concat(err).toString()
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(([code]) => Promise.reject(new Error(`floe ${args[0]} ended with ${code}: ${stderr()}`))),
  ])) as [string]
  return {
    ready: JSON.parse(line),
    pid: child.pid!,
    stderr,
    async end(signal) {
      child.kill(signal)
      const [code, by] = await ended
      return code ?? by
    },
  }
}
