import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Timer } from '../base/timers.ts'
import type { NodeMetrics } from './metrics.ts'

/**
 * What is limited, by where, and the reasons for which it is refused there. They are labels of a metric: few, and never
 * anything that a stranger chose.
 */
export const REFUSALS = {
  /** libp2p connections, pending and open */
  connections: ['rate', 'pending', 'handshake', 'address', 'peer', 'full', 'idle', 'size', 'hostile'],
  dht: ['size', 'rate', 'kind', 'malformed', 'answer'],
  gossip: ['stranger', 'size', 'rate', 'malformed', 'score'],
  /** libp2p streams of Floe's own protocols */
  streams: ['busy', 'failures'],
  /** a relay's reservations and circuits */
  relay: ['full', 'address', 'source', 'target', 'denied', 'month', 'memory', 'rate', 'stopping'],
  /** a relay's answers to who asks for its own address */
  stun: ['rate', 'malformed', 'short', 'full'],
  certificates: ['busy', 'invalid'],
  /** the gateway and the node's HTTP API */
  http: ['connections', 'address', 'idle', 'files', 'pipelined', 'slow', 'busy', 'rate', 'size', 'disk'],
  /** the embedded Sui: gRPC, faucet, admin, execution */
  localnet: ['connections', 'address', 'files', 'rate', 'size', 'depth', 'time', 'memory', 'disk', 'token'],
  /** the store of a node */
  store: ['disk'],
} as const

export type RefusalWhere = keyof typeof REFUSALS
/** `other` is what a reason becomes that is not in the table. */
export type RefusalReason<W extends RefusalWhere> = (typeof REFUSALS)[W][number] | 'other'

export interface Refusals {
  /** One more was refused. Costs no more than a counter, so it may be called under attack. */
  refused<W extends RefusalWhere>(where: W, reason: RefusalReason<W>): void
  /** The same for those who may not know the table, such as `chain/`: a reason that is not in it counts as `other`. */
  at(where: RefusalWhere): (reason: string) => void
  /** Says what was not said yet, and leaves no timer behind. What is refused afterwards begins a new line. */
  close(): void
}

export interface RefusalsInit {
  clock: Clock
  metrics?: Pick<NodeMetrics, 'refused'>
  log?: Pick<Log, 'warn'>
}

/** at most one line in so many ms */
const EVERY_MS = 60_000

/** Counts what limits refuse (`floe_refused_total`), and says so in at most one line a minute. */
export function createRefusals({ clock, metrics, log }: RefusalsInit): Refusals {
  let unsaid = new Map<string, number>()
  let timer: Timer | undefined

  function say(): void {
    timer?.stop()
    timer = undefined
    if (unsaid.size === 0) return
    const counts = Object.fromEntries(unsaid)
    unsaid = new Map()
    log?.warn(counts, 'limits refused')
  }

  function count(where: RefusalWhere, reason: string): void {
    metrics?.refused(where, reason)
    const key = `${where}.${reason}`
    unsaid.set(key, (unsaid.get(key) ?? 0) + 1)
    timer ??= clock.after(EVERY_MS, say, { background: true })
  }

  return {
    refused: count,
    at(where) {
      const known: ReadonlySet<string> = new Set(REFUSALS[where])
      return reason => count(where, known.has(reason) ? reason : 'other')
    },
    close: say,
  }
}
