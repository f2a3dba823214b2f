import type { Clock } from '../../base/clock.ts'
import { createSemaphore, type Semaphore } from '../../base/semaphore.ts'
import { createTokenBucket, type TokenBucket } from '../../base/token-bucket.ts'
import type { PeerLimits } from '../specs.ts'

/** What one peer, or one IP address, has taken. */
export interface Account {
  /** bytes of what arrives */
  readonly inFlight: Semaphore
  /** pieces of what is sent */
  readonly pieces: Semaphore
  readonly rate: TokenBucket
  /** open streams by protocol */
  readonly streams: Map<string, number>
  /** An attempt failed through the peer's fault. */
  failed(): void
  /** How long the peer is shut out for its failures; 0 when it is not. */
  shutOutMs(): number
  /** Whether it could be forgotten without anyone noticing. */
  readonly idle: boolean
  readonly holdsNothing: boolean
}

export function createAccount(limits: PeerLimits, clock: Pick<Clock, 'monotonic'>): Account {
  const now = () => clock.monotonic()
  const inFlight = createSemaphore(limits.bytesInFlight)
  const pieces = createSemaphore(limits.pieces)
  const rate = createTokenBucket(limits.bytesPerSecond, limits.burstBytes, now)
  const streams = new Map<string, number>()
  let failures: number[] = []
  const recent = (): number[] => {
    const since = now() - limits.failureWindowMs
    failures = failures.filter(at => at > since)
    return failures
  }
  return {
    inFlight,
    pieces,
    rate,
    streams,
    failed() {
      // the oldest ones do not matter: as many as the limit are enough to tell how long it lasts
      failures = [...recent(), now()].slice(-limits.failures)
    },
    shutOutMs() {
      const times = recent()
      if (times.length < limits.failures) return 0
      return Math.max(1, Math.ceil(times[0]! + limits.failureWindowMs - now()))
    },
    get idle() {
      return this.holdsNothing && recent().length === 0 && rate.full
    },
    get holdsNothing() {
      return streams.size === 0 && inFlight.used === 0 && pieces.used === 0
    },
  }
}
