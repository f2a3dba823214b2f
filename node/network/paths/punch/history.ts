import type { Clock } from '../../../../base/clock.ts'
import { LruMap } from '../../../../base/lru-map.ts'
import { createRates } from '../../../../base/rates.ts'
import { createTokenBucket } from '../../../../base/token-bucket.ts'
import { PUNCH } from '../../../../protocols/index.ts'

/** Which peers were punched lately, and how it went: home routers' tables are small, and a peer names whatever addresses it likes. */
export interface PunchHistory {
  /** Takes one punch with the peer, begun by this side, or by the other one, a member or not; false when there were too many. */
  take(peer: string, begunBy: 'us' | 'member' | 'stranger'): boolean
  /** ms until this side may begin one with the peer again; 0: now. */
  waitMs(peer: string): number
  failed(peer: string): void
  succeeded(peer: string): void
  /** how many there were since the start, whoever began them; only those that this side has begun fail for it */
  readonly counts: Readonly<PunchCounts>
  /** An address has changed: one of that peer, or of this node, which holds for all. */
  changed(peer?: string): void
}

export interface PunchCounts {
  succeeded: number
  failed: number
}

interface Failures {
  untilMs: number
  pauseMs: number
}

export function createPunchHistory(clock: Pick<Clock, 'monotonic'>): PunchHistory {
  const now = () => clock.monotonic()
  const peers = createRates({
    perSecond: PUNCH.perPeerPerMinute / 60,
    burst: PUNCH.perPeerPerMinute,
    remembered: PUNCH.remembered,
    now,
  })
  const all = createTokenBucket(PUNCH.perMinute / 60, PUNCH.perMinute, now)
  const theirs = createTokenBucket(PUNCH.theirsPerMinute / 60, PUNCH.theirsPerMinute, now)
  const strangers = createTokenBucket(PUNCH.strangersPerMinute / 60, PUNCH.strangersPerMinute, now)
  const bucketsOf = { us: [all], member: [all, theirs], stranger: [all, theirs, strangers] }
  let failures = new LruMap<string, Failures>(PUNCH.remembered)
  const counts = { succeeded: 0, failed: 0 }
  return {
    counts,
    take(peer, begunBy) {
      const buckets = bucketsOf[begunBy]
      if (!buckets.every(bucket => bucket.has(1)) || !peers.tryTake(peer)) return false
      for (const bucket of buckets) bucket.take(1)
      return true
    },
    waitMs: peer => Math.max(0, (failures.get(peer)?.untilMs ?? 0) - now()),
    failed(peer) {
      counts.failed++
      const last = failures.get(peer)
      const pauseMs = Math.min(
        last === undefined ? PUNCH.firstBackoffMs : 2 * last.pauseMs,
        PUNCH.maxBackoffMs,
      )
      failures.set(peer, { untilMs: now() + pauseMs, pauseMs })
    },
    succeeded(peer) {
      counts.succeeded++
      failures.delete(peer)
    },
    changed(peer) {
      if (peer === undefined) failures = new LruMap(PUNCH.remembered)
      else failures.delete(peer)
    },
  }
}
