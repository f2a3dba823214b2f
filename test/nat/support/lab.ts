import { type ChildProcess, execFileSync, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type Machine, type NetworkKind, script, spacesOf } from './networks.ts'

/**
 * Networks of namespaces, made of nothing but what this test makes. A guardian process removes everything, and everybody inside, as soon as
 * its input ends: however the test does.
 */
export interface Lab {
  /** what its namespaces' names begin with */
  readonly name: string
  /** Runs a TypeScript program on a machine; orders and answers go by IPC. */
  run(machine: Machine, program: URL, args?: readonly string[]): LabProcess
  /** Runs a command in a namespace (`nata` and `natb` are the routers), and gives what it writes. */
  exec(space: Machine | 'nata' | 'natb', command: string, ...args: string[]): string
  close(): Promise<void>
}

export interface LabProcess {
  /** One order, and its answer. Rejects when the process ends before, or after `ms`. */
  ask<T>(order: object, ms?: number): Promise<T>
  readonly child: ChildProcess
}

const PROCESS_MS = 60_000
/** by then a network is built, s */
const BUILT_S = 10

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
 * Kills who is inside and removes the namespaces once its input ends; signals to the whole group do not reach it. Without a last word of
 * its test it does so again, as the commands that build a network may have outlived that.
 */
const GUARDIAN = `trap '' INT TERM HUP
clean() {
  for space in "$@"; do ip netns pids "$space" 2>/dev/null | xargs -r kill -9; done
  for space in "$@"; do ip netns del "$space" 2>/dev/null; done
}
read -r _; word=$?
clean "$@"
[ $word = 0 ] || { sleep ${BUILT_S}; clean "$@"; }
exit 0`

let labs = 0
const labOf = (pid: number, count: number): string => `floe${pid.toString(36)}-${count.toString(36)}`
/** The name of the first lab that a process makes. */
export const firstLabOf = (pid: number): string => labOf(pid, 0)

export async function createLab(kind: NetworkKind): Promise<Lab> {
  const name = labOf(process.pid, labs++)
  const guardian = spawn('bash', ['-c', GUARDIAN, 'guardian', ...spacesOf(name)], {
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
