export interface TokenBucket {
  /** Takes `tokens` now if there are that many. */
  tryTake(tokens: number): boolean
  /** Takes `tokens`, into debt if need be; returns how long to wait in ms until the debt is paid. */
  take(tokens: number): number
  /** Whether `tokens` could be taken now. */
  has(tokens: number): boolean
  /** Whether nothing was taken lately, so that a new bucket would be the same. */
  readonly full: boolean
}

/** So many tokens per second, and up to `burst` of them at once. `now` in ms, never going back. */
export function createTokenBucket(perSecond: number, burst: number, now: () => number): TokenBucket {
  let tokens = burst
  let at = now()
  const refill = (): void => {
    const time = now()
    tokens = Math.min(burst, tokens + ((time - at) / 1000) * perSecond)
    at = time
  }
  return {
    tryTake(count) {
      refill()
      if (tokens < count) return false
      tokens -= count
      return true
    },
    take(count) {
      refill()
      tokens -= count
      return tokens >= 0 ? 0 : (-tokens / perSecond) * 1000
    },
    has(count) {
      refill()
      return tokens >= count
    },
    get full() {
      refill()
      return tokens >= burst
    },
  }
}
