import type { Clock } from '../../../base/clock.ts'
import { ProtocolError, type ProtocolErrorCode } from '../../../protocols/index.ts'

/** When a blob is offered to one node again. */
export interface Retries {
  /** How many ms after this failure; undefined when it is of no use any more. */
  after(error: unknown): number | undefined
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
/** After a cut the node may be out of reach for a while: a relay that starts anew is back within 3 s. */
const CUT_ATTEMPTS = 6
const CUT_RETRY_MS = 250
/** What the attempts after a cut may take in all: dialling one that is gone takes seconds each time. */
const CUT_PATIENCE_MS = 10_000

export function createRetries(clock: Pick<Clock, 'monotonic'>): Retries {
  let attempts = 0
  let cutAtMs: number | undefined
  return {
    after(error) {
      attempts++
      if (!(error instanceof ProtocolError)) return undefined
      const { code, remote, retryAfterMs } = error
      if (!remote && CUT.has(code)) cutAtMs ??= clock.monotonic()
      if (cutAtMs !== undefined && !remote && (CUT.has(code) || code === 'UNREACHABLE')) {
        const isOver = attempts >= CUT_ATTEMPTS || clock.monotonic() - cutAtMs >= CUT_PATIENCE_MS
        return isOver ? undefined : CUT_RETRY_MS * 2 ** (attempts - 1)
      }
      if (!TRANSIENT.has(code) || attempts >= ATTEMPTS) return undefined
      const pauseMs = retryAfterMs ?? RETRY_MS * attempts
      return pauseMs <= MAX_RETRY_AFTER_MS ? pauseMs : undefined
    },
  }
}
