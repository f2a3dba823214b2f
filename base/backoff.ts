import { systemTimers, type Timers } from './timers.ts'
import { sleep } from './wait.ts'

export interface BackoffInit {
  /** the first pause */
  firstMs: number
  /** the longest one */
  maxMs: number
  /** the share of a pause that is random, 0 to 1: those who failed in one instant must not return in one */
  jitter?: number
  random?: () => number
  /** the machine's own when left out */
  timers?: Timers
}

/** Pauses between attempts, each twice as long as the one before. */
export interface Backoff {
  /** Waits until it is time for the next attempt. Rejects with the signal's reason as soon as it is aborted. */
  pause(signal?: AbortSignal): Promise<void>
  /** After a success: the next pause is the first again. */
  reset(): void
  /** how long the next pause is at most */
  readonly nextMs: number
}

export function createBackoff({
  firstMs,
  maxMs,
  jitter = 0,
  random = Math.random,
  timers = systemTimers,
}: BackoffInit): Backoff {
  let nextMs = Math.min(firstMs, maxMs)
  return {
    get nextMs() {
      return nextMs
    },
    async pause(signal) {
      const ms = nextMs * (1 - jitter * random())
      nextMs = Math.min(2 * nextMs, maxMs)
      await sleep(ms, signal, timers)
    },
    reset() {
      nextMs = Math.min(firstMs, maxMs)
    },
  }
}
