import type { Clock } from '../../../base/clock.ts'
import { ProtocolError, type ProtocolErrorCode } from '../../../protocols/index.ts'

/** When a blob is offered to one node again. */
export interface Retries {
  /** How many ms after this failure; undefined when it is of no use any more. */
  after(error: unknown): number | undefined
  /** The node lacks so many slivers: when these are fewer than ever before, the cuts before that do not count any more. */
  wanted(slivers: number): void
}

/** Worth another try: the node or the line was not ready. */
const TRANSIENT: ReadonlySet<ProtocolErrorCode> = new Set([
  'BUSY',
  'CHAIN_UNAVAILABLE',
  'CONNECTION_LOST',
  'EPOCH_BEHIND',
  'NOT_REGISTERED',
  'PATH_LOST',
  'STOPPING',
  'TIMEOUT',
  'TRUNCATED',
])
/** The path broke: the node has kept the slivers that it has taken, and wants the others from whichever path comes next. */
const CUT: ReadonlySet<ProtocolErrorCode> = new Set(['CONNECTION_LOST', 'PATH_LOST', 'TRUNCATED'])
const ATTEMPTS = 3
const RETRY_MS = 300
/** A node that asks for more patience than this will not confirm in time: that is as good as a refusal. */
const MAX_RETRY_AFTER_MS = 5_000
/** in a row, without a sliver that has arrived in between */
const CUTS = 5
/** of one node, whatever arrives: one that takes slivers and cuts, again and again, is not given the line for ever */
const CUTS_IN_ALL = 20
/** After a cut the node may be out of reach for a while: a relay that starts anew is back within 3 s, */
const CUT_RETRY_MS = 250
const MAX_CUT_RETRY_MS = 4_000
/** and on a busy machine, or over another relay, later. Meanwhile others are sent to; without a quorum of them, waiting is all there is. */
const CUT_PATIENCE_MS = 30_000
/** Of a node that is called over relays alone: it may have lost one a moment ago, and has another within 5 s, or the relay has no place right now. */
const AWAY_RETRY_MS = [1_000, 4_000] as const

/** `isRelayed`: of a node that is known over relays alone. */
export function createRetries(
  clock: Pick<Clock, 'monotonic'>,
  { isRelayed = false }: { isRelayed?: boolean } = {},
): Retries {
  let attempts = 0
  /** of these, those in which the node or the line was not ready */
  let notReady = 0
  let cuts = 0
  let cutsInAll = 0
  let cutAtMs: number | undefined
  let fewest = Number.POSITIVE_INFINITY
  /** of a relayed node that was not reached yet */
  let away = 0

  /** Whether the path broke, also when the node cannot be reached since then. */
  function isCut({ remote, code }: ProtocolError): boolean {
    if (remote) return false
    if (!CUT.has(code)) return code === 'UNREACHABLE' && cutAtMs !== undefined
    cutAtMs = clock.monotonic()
    cuts++
    cutsInAll++
    return true
  }

  return {
    after(error) {
      attempts++
      if (!(error instanceof ProtocolError)) return undefined
      const { code, retryAfterMs } = error
      if (isCut(error)) {
        const awayMs = clock.monotonic() - (cutAtMs ?? 0)
        const isOver = cuts > CUTS || cutsInAll > CUTS_IN_ALL || awayMs >= CUT_PATIENCE_MS
        return isOver ? undefined : Math.min(MAX_CUT_RETRY_MS, CUT_RETRY_MS * 2 ** (attempts - 1))
      }
      if (isRelayed && code === 'UNREACHABLE' && !error.remote) return AWAY_RETRY_MS[away++]
      notReady++
      if (!TRANSIENT.has(code) || notReady >= ATTEMPTS) return undefined
      const pauseMs = retryAfterMs ?? RETRY_MS * notReady
      return pauseMs <= MAX_RETRY_AFTER_MS ? pauseMs : undefined
    },
    wanted(slivers) {
      const hasTaken = slivers < fewest
      fewest = Math.min(fewest, slivers)
      if (!hasTaken || cuts === 0) return
      attempts = 0
      notReady = 0
      cuts = 0
    },
  }
}
