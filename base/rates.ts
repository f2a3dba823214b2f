import { LruMap } from './lru-map.ts'
import { createTokenBucket, type TokenBucket } from './token-bucket.ts'

export interface RatesInit {
  perSecond: number
  burst: number
  /** of those who are counted; the longest unused are forgotten first, which gives them a new burst */
  remembered: number
  /** ms of a clock that never goes back */
  now: () => number
}

/** A rate for each of many: peers, or addresses. */
export interface Rates {
  /** Takes so many now, one when nothing is said, if there are. */
  tryTake(who: string, tokens?: number): boolean
  /** Whether one could be taken now. */
  has(who: string): boolean
}

/** A token bucket for each name, the longest unused of which are forgotten. */
export function createRates({ perSecond, burst, remembered, now }: RatesInit): Rates {
  const buckets = new LruMap<string, TokenBucket>(remembered)
  return {
    tryTake(who, tokens = 1) {
      const bucket = buckets.get(who) ?? createTokenBucket(perSecond, burst, now)
      buckets.set(who, bucket)
      return bucket.tryTake(tokens)
    },
    has: who => buckets.get(who)?.has(1) ?? burst >= 1,
  }
}
