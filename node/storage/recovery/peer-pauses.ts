import type { Clock } from '../../../base/clock.ts'
import { LruMap } from '../../../base/lru-map.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'

type Peer = Pick<CommitteeMember, 'nodeId'>

/**
 * Whom not to ask for slivers now: one that has failed is left alone for a while, each time for longer, and one that has as many
 * requests as it may have until one of them is over.
 */
export interface PeerPauses {
  isPaused(peer: Peer): boolean
  isFull(peer: Peer): boolean
  /** A request is under way until what this gives is called. */
  begin(peer: Peer): () => void
  /** Calls back whenever a request is over, until what this gives is called. */
  onEnd(listener: () => void): () => void
  /** It did not give what it was asked for. How long it said to wait counts, within bounds. */
  failed(peer: Peer, error: unknown): void
  answered(peer: Peer): void
}

const FIRST_MS = 1_000
const LAST_MS = 600_000
/** more than any committee has members */
const REMEMBERED = 4_000
/** of one peer, for whatever is missing */
const UNDER_WAY = 2

export function createPeerPauses({
  clock,
  random,
}: {
  clock: Pick<Clock, 'monotonic'>
  random: () => number
}): PeerPauses {
  const pauses = new LruMap<ObjectId, { untilMs: number; failures: number }>(REMEMBERED)
  const running = new Map<ObjectId, number>()
  const listeners = new Set<() => void>()
  return {
    isPaused: ({ nodeId }) => (pauses.get(nodeId)?.untilMs ?? 0) > clock.monotonic(),
    isFull: ({ nodeId }) => (running.get(nodeId) ?? 0) >= UNDER_WAY,
    begin({ nodeId }) {
      running.set(nodeId, (running.get(nodeId) ?? 0) + 1)
      return () => {
        const left = running.get(nodeId)! - 1
        if (left > 0) running.set(nodeId, left)
        else running.delete(nodeId)
        for (const listener of listeners) listener()
      }
    },
    onEnd(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    failed({ nodeId }, error) {
      const { untilMs = 0, failures = 0 } = pauses.get(nodeId) ?? {}
      // requests that were under way together fail together: that is one failure
      if (untilMs > clock.monotonic()) return
      const said = error instanceof ProtocolError ? (error.retryAfterMs ?? 0) : 0
      const mostMs = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(failures, 20))
      const pauseMs = Math.min(LAST_MS, Math.max(said, mostMs * (0.5 + random() / 2)))
      pauses.set(nodeId, { untilMs: clock.monotonic() + pauseMs, failures: failures + 1 })
    },
    answered: ({ nodeId }) => void pauses.delete(nodeId),
  }
}
