import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Counts, loadAttack } from './attack.ts'
import type { Order } from './attacker.ts'
import type { Network } from './target.ts'

/** What honest clients and the machine saw while an attack went on. */
export interface Report {
  /** what the attacker did */
  attack: Counts
  /** honest requests, by kind: how many were answered, and how long the slowest took */
  honest: Record<string, { answered: number; slowestMs: number }>
  /** of honest requests that failed */
  errors: string[]
  /** of the network's process */
  rssBefore: number
  rssMost: number
  /** the longest that the network's event loop was held up */
  lagMs: number
  /** by where and reason, while it went on */
  refused: Counts
}

export interface HowLong {
  seconds: number
  /** goes on, up to `atMostSeconds`, until each kind of honest request was answered once more: the attack is in full swing then */
  untilAnswered?: boolean
  /** goes on, up to `atMostSeconds`, until one of these was refused: on a busy machine an attack begins late */
  untilRefused?: readonly string[]
  atMostSeconds?: number
  /** between two honest requests of a kind: without one they keep the machine as busy as the attack does; none when absent */
  pauseMs?: number
}

/** Attackers, in one process of their own. */
export interface Attackers {
  attack(network: Network, name: string, howLong: HowLong): Promise<Report>
  close(): Promise<void>
}

/** each attack from an address of its own: what one has used up, the next one still has */
const FIRST_FROM = 2
/** an honest request that takes longer counts as failed */
const PATIENCE_MS = 20_000
const SAMPLE_MS = 50

export async function startAttackers(): Promise<Attackers> {
  const child = fork(join(import.meta.dirname, 'attacker.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await messageOf(child)
  let attacks = 0
  return {
    async attack(network, name, howLong) {
      const { honest, target } = network
      const { asks = [] } = await loadAttack(name)
      const before = await refusedOf(network)
      const rssBefore = process.memoryUsage.rss()
      let rssMost = rssBefore
      const sampling = setInterval(() => {
        rssMost = Math.max(rssMost, process.memoryUsage.rss())
      }, SAMPLE_MS)
      const delay = monitorEventLoopDelay({ resolution: 10 })
      delay.enable()
      try {
        const order: Order = { name, target, from: `127.0.0.${FIRST_FROM + attacks++}` }
        child.send(order)
        const over = new AbortController()
        const report: Report = {
          attack: {},
          honest: {},
          errors: [],
          rssBefore,
          rssMost,
          lagMs: 0,
          refused: {},
        }
        const attacking = messageOf(child).finally(() => over.abort())
        const stopping = longEnough(howLong, over.signal, {
          refused: () => refusedSince(network, before),
          answered: () => Object.values(report.honest).map(({ answered }) => answered),
        })
          .finally(() => child.connected && child.send('stop' satisfies Order))
          .catch(() => undefined)
        const asking = Promise.all(
          Object.entries(honest)
            .concat(asks.map(kind => [kind, network.beside[kind]]))
            .map(([kind, ask]) => askUntil(over.signal, kind, ask, report, howLong.pauseMs)),
        )
        const { counts, failed } = await attacking
        await stopping
        await asking
        if (failed !== undefined) throw new Error(`the attacker failed: ${failed}`)
        report.refused = await refusedSince(network, before)
        return { ...report, attack: counts ?? {}, rssMost, lagMs: Math.round(delay.max / 1e6) }
      } finally {
        delay.disable()
        clearInterval(sampling)
      }
    },
    async close() {
      if (child.exitCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}

async function longEnough(
  { seconds, untilRefused, untilAnswered = false, atMostSeconds = seconds }: HowLong,
  over: AbortSignal,
  seen: { refused: () => Promise<Counts>; answered: () => number[] },
): Promise<void> {
  const started = performance.now()
  const passed = (): number => (performance.now() - started) / 1000
  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    while (passed() < atMostSeconds && !(await condition())) await sleep(100, undefined, { signal: over })
  }
  await sleep(seconds * 1000, undefined, { signal: over })
  if (untilRefused !== undefined) {
    await until(async () => {
      const counts = await seen.refused()
      return untilRefused.some(key => key in counts)
    })
  }
  if (!untilAnswered) return
  const before = seen.answered()
  // a request that was under way may have been let in before the attack began: the one after it is what counts
  await until(() => seen.answered().every((count, i) => count >= before[i]! + 2))
}

interface Message {
  counts?: Counts
  failed?: string
}

async function messageOf(child: ChildProcess): Promise<Message> {
  const gone = new AbortController()
  try {
    const ended = once(child, 'exit', { signal: gone.signal }).then(([code]) => {
      throw new Error(`the attackers' process ended with ${code}`)
    })
    ended.catch(() => undefined)
    return await Promise.race([once(child, 'message', { signal: gone.signal }).then(([one]) => one), ended])
  } finally {
    gone.abort()
  }
}

/** Asks again and again, at least once, and once more when the attack is over. */
async function askUntil(
  over: AbortSignal,
  kind: string,
  ask: (signal: AbortSignal) => Promise<void>,
  report: Report,
  pauseMs = 0,
): Promise<void> {
  const seen = { answered: 0, slowestMs: 0 }
  report.honest[kind] = seen
  for (let last = false; ; last = over.aborted) {
    const started = performance.now()
    try {
      await ask(AbortSignal.timeout(PATIENCE_MS))
      seen.answered++
    } catch (error) {
      report.errors.push(`${kind}: ${error instanceof Error ? error.message : String(error)}`)
    }
    seen.slowestMs = Math.max(seen.slowestMs, Math.round(performance.now() - started))
    if (last) return
    await sleep(pauseMs, undefined, { signal: over }).catch(() => undefined)
  }
}

async function refusedSince(network: Network, before: Counts): Promise<Counts> {
  const counts = Object.entries(await refusedOf(network)).map(
    ([key, count]) => [key, count - (before[key] ?? 0)] as const,
  )
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

/** `floe_refused_total`, summed over nodes. */
async function refusedOf({ devnet }: Network): Promise<Counts> {
  const counts: Counts = {}
  for (const [, where, reason, count] of (await devnet.metrics.text()).matchAll(
    /^floe_refused_total\{[^}]*where="(\w+)",reason="(\w+)"\} (\d+)$/gm,
  )) {
    const key = `${where}.${reason}`
    counts[key] = (counts[key] ?? 0) + Number(count)
  }
  return counts
}
