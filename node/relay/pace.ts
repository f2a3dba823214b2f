import type { Clock } from '../../base/clock.ts'
import { createDecayingRate } from '../../base/decaying-rate.ts'
import { LruMap } from '../../base/lru-map.ts'
import { createTokenBucket, type TokenBucket } from '../../base/token-bucket.ts'
import { RELAY, type RelayLimits } from './limits.ts'

/** The rates of a relay. What moves takes of all that apply, and then waits for the slowest. */
export interface Pace {
  /** Bytes have moved between these: for how many ms nothing more is to. */
  moved(target: string, sourceAddress: string, bytes: number): number
  /** the share of the bytes per second that is in use, 0 to 1 */
  load(): number
}

export function createPace(limits: () => RelayLimits, clock: Pick<Clock, 'monotonic'>): Pace {
  const now = () => clock.monotonic()
  const bucket = (perSecond: number): TokenBucket => createTokenBucket(perSecond, perSecond, now)
  const total = created(() => limits().bytesPerSecond, bucket)
  const reservations = new LruMap<string, () => TokenBucket>(RELAY.remembered)
  const addresses = new LruMap<string, () => TokenBucket>(RELAY.remembered)
  const of = (buckets: LruMap<string, () => TokenBucket>, name: string, perSecond: () => number) => {
    const known = buckets.get(name) ?? created(perSecond, bucket)
    buckets.set(name, known)
    return known()
  }
  const rate = createDecayingRate(clock)
  return {
    moved(target, sourceAddress, bytes) {
      rate.add(bytes)
      const restMs = Math.max(
        total().take(bytes),
        of(reservations, target, () => limits().bytesPerSecondPerReservation).take(bytes),
        of(addresses, sourceAddress, () => limits().bytesPerSecondPerAddress).take(bytes),
      )
      // a rate of 0 is never through, and no timer waits for so long
      return Math.min(restMs, RELAY.longestRestMs)
    },
    load: () => Math.min(1, rate.perSecond() / Math.max(1, limits().bytesPerSecond)),
  }
}

/** A bucket that is made anew when its rate has changed. */
function created(perSecond: () => number, make: (perSecond: number) => TokenBucket): () => TokenBucket {
  let rate = perSecond()
  let bucket = make(rate)
  return () => {
    if (perSecond() !== rate) {
      rate = perSecond()
      bucket = make(rate)
    }
    return bucket
  }
}
