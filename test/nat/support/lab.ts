import { type ChildProcess, execFileSync, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Machine, type NetworkKind, type Router, script, spacesOf } from './networks.ts'

/**
 * Networks of namespaces, made of nothing but what this test makes. A guardian process removes everything, and everybody inside, as soon as
 * its input ends: however the test does.
 */
export interface Lab {
  /** what its namespaces' names begin with */
  readonly name: string
  /** Runs a TypeScript program on a machine; orders and answers go by IPC. */
  run(machine: Machine, program: URL, args?: readonly string[]): LabProcess
  /** Runs `floe ARGS --json` on a machine; resolves once it has said that it is ready. */
  floe(machine: Machine, args: readonly string[]): Promise<LabCommand>
  /** Runs a command in a namespace (`nata` is the router of the home `a`), and gives what it writes. */
  exec(space: Machine | Router, command: string, ...args: string[]): string
  close(): Promise<void>
}

export interface LabProcess {
  /** One order, and its answer. Rejects when the process ends before, or after `ms`. */
  ask<T>(order: object, ms?: number): Promise<T>
  readonly child: ChildProcess
  /** Kills it, and waits for its end. */
  end(): Promise<void>
}

/** `floe` that runs until it is told to stop. */
export interface LabCommand {
  readonly child: ChildProcess
  /** what it said once it was ready */
  readonly ready: Record<string, unknown>
  /** Sends a signal, and waits for the end. */
  end(signal: NodeJS.Signals): Promise<void>
}

const PROCESS_MS = 60_000
/** until `floe` is ready: ten nodes may start at a time, on a machine that does other things as well */
const READY_MS = 300_000
const MAIN = join(import.meta.dirname, '..', '..', '..', 'node', 'cli', 'main.ts')
/** A relay in a heap of that size is not started anew by itself. */
const HEAP_FLAGS = ['--max-old-space-size=96', '--max-semi-space-size=8']
/** nobody builds a network any more that has made no namespace for so long, s */
const QUIET_S = 10

/** Why there can be no lab here; undefined where there can. */
export function whyNoLab(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are Linux'
  if (process.getuid?.() !== 0) return 'only root may make network namespaces'
  for (const tool of ['ip', 'nft']) {
    if (spawnSync(tool, ['-V'], { stdio: 'ignore' }).error)
      return `${tool} is not installed (iproute2, nftables)`
  }
  const space = `floe${process.pid.toString(36)}-try`
  const rules = 'table ip t { chain c { type nat hook postrouting priority 100; masquerade fully-random; }; }'
  const commands = `ip netns add ${space}; ip netns exec ${space} nft '${rules}'; code=$?; ip netns del ${space}; exit $code`
  const { status, stderr } = spawnSync('bash', ['-c', commands], { encoding: 'utf8', timeout: PROCESS_MS })
  return status === 0 ? undefined : `this machine does not allow it: ${stderr.trim().split('\n')[0]}`
}

/** Why there can be no router with UPnP here; undefined where there can. */
export function whyNoUpnp(): string | undefined {
  const { error } = spawnSync('miniupnpd', ['--version'], { stdio: 'ignore' })
  return error && 'miniupnpd is not installed (miniupnpd-nftables)'
}

/**
 * Kills who is inside and removes the namespaces, and what their routers keep in the folder `$0`, once its input ends; signals to the whole group do not reach it. Without a last word of
 * its test it does so again until none is left for a while, as the commands that build a network may have outlived that.
 */
const GUARDIAN = `trap '' INT TERM HUP
clean() {
  found=no
  for space in "$@"; do
    [ -e "/run/netns/$space" ] || continue
    found=yes
    ip netns pids "$space" 2>/dev/null | xargs -r kill -9
  done
  for space in "$@"; do
    ip netns del "$space" 2>/dev/null
    rm -f -- "$0/$space".upnp*
  done
}
read -r _; word=$?
clean "$@"
[ $word = 0 ] && exit 0
found=yes
while [ $found = yes ]; do sleep ${QUIET_S}; clean "$@"; done
exit 0`

let labs = 0
const labOf = (pid: number, count: number): string => `floe${pid.toString(36)}-${count.toString(36)}`
/** The name of the first lab that a process makes. */
export const firstLabOf = (pid: number): string => labOf(pid, 0)

export async function createLab(kind: NetworkKind): Promise<Lab> {
  const name = labOf(process.pid, labs++)
  const guardian = spawn('bash', ['-c', GUARDIAN, tmpdir(), ...spacesOf(name, kind)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const gone = once(guardian, 'exit')
  const close = async (): Promise<void> => {
    guardian.stdin?.end('closed\n')
    await gone
  }
  try {
    execFileSync('bash', ['-e'], {
      input: script(name, kind),
      stdio: ['pipe', 'ignore', 'inherit'],
      timeout: PROCESS_MS,
    })
  } catch (error) {
    await close()
    throw error
  }
  return {
    name,
    run: (machine, program, args = []) => runIn(`${name}-${machine}`, program, args),
    floe: (machine, args) => floeIn(`${name}-${machine}`, args),
    exec: (space, command, ...args) =>
      execFileSync('ip', ['netns', 'exec', `${name}-${space}`, command, ...args], {
        encoding: 'utf8',
        timeout: PROCESS_MS,
      }),
    close,
  }
}

function runIn(space: string, program: URL, args: readonly string[]): LabProcess {
  const child = fork(program, args, {
    execPath: 'ip',
    execArgv: ['netns', 'exec', space, process.execPath],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream! }).on('line', line => {
      said = `${said}\n${line}`.slice(-4_000)
    })
  }
  return {
    child,
    async end() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
    async ask<T>(order: object, ms = PROCESS_MS): Promise<T> {
      const limit = new AbortController()
      const timer = setTimeout(() => limit.abort(new Error(`no answer within ${ms} ms: ${said}`)), ms)
      const ended = once(child, 'exit', { signal: limit.signal }).then(() => {
        throw new Error(`the process has ended: ${said}`)
      })
      const answered = once(child, 'message', { signal: limit.signal })
      child.send(order)
      try {
        const [answer] = await Promise.race([answered, ended])
        if ('error' in answer) throw new Error(`${answer.error}${said}`)
        return answer as T
      } catch (error) {
        throw limit.signal.aborted ? limit.signal.reason : error
      } finally {
        clearTimeout(timer)
        for (const one of [answered, ended]) one.catch(() => undefined)
        limit.abort()
      }
    },
  }
}

async function floeIn(space: string, args: readonly string[]): Promise<LabCommand> {
  const flags = args[0] === 'relay' ? HEAP_FLAGS : []
  const command = ['netns', 'exec', space, process.execPath, ...flags, MAIN, ...args, '--json']
  const child = spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  createInterface(child.stderr).on('line', line => {
    said = `${said}\n${line}`.slice(-4_000)
  })
  keepLog(space, child.stderr)
  const ended = once(child, 'exit')
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), READY_MS)
  const line = once(createInterface(child.stdout), 'line', { signal: limit.signal }) as Promise<[string]>
  const early = ended.then(() => Promise.reject(new Error(`floe ${args.join(' ')} has ended: ${said}`)))
  early.catch(() => undefined)
  const [text] = await Promise.race([line, early])
    .catch(error => {
      throw limit.signal.aborted ? new Error(`floe ${args.join(' ')} is not ready: ${said}`) : error
    })
    .finally(() => clearTimeout(timer))
  return {
    child,
    ready: JSON.parse(text),
    async end(signal) {
      child.kill(signal)
      await ended
    },
  }
}

/** With FLOE_LAB_LOGS=FOLDER in the environment, what `floe` logs is kept there, a file for each machine. */
function keepLog(space: string, log: NodeJS.ReadableStream): void {
  const folder = process.env.FLOE_LAB_LOGS
  if (folder !== undefined) log.pipe(createWriteStream(join(folder, `${space}.log`), { flags: 'a' }))
}
