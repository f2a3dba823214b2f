import type { Clock } from './clock.ts'
import { LruMap } from './lru-map.ts'

export interface TroublesInit {
  /** until the same is said again, and twice as long each time after that */
  firstMs?: number
  /** at most */
  maxMs?: number
}

/** Troubles that are told apart at a time. */
const KINDS = 16

/**
 * What goes wrong again and again is to be said once, when it is something else, and at growing distances while it lasts: a log
 * that grows with each attempt tells no more, and fills a disk.
 */
export class Troubles {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #firstMs: number
  readonly #maxMs: number
  #lasting = new LruMap<string, { sayAt: number; pauseMs: number }>(KINDS)

  constructor(clock: Pick<Clock, 'monotonic'>, { firstMs = 60_000, maxMs = 3_600_000 }: TroublesInit = {}) {
    this.#clock = clock
    this.#firstMs = firstMs
    this.#maxMs = maxMs
  }

  /** Whether the error is to be said now. One that often passes by itself is not before it has lasted for `patienceMs`. */
  isNews(error: unknown, patienceMs = 0): boolean {
    const kind = kindOf(error)
    const now = this.#clock.monotonic()
    const trouble = this.#lasting.get(kind) ?? { sayAt: now + patienceMs, pauseMs: this.#firstMs }
    this.#lasting.set(kind, trouble)
    if (now < trouble.sayAt) return false
    trouble.sayAt = now + trouble.pauseMs
    trouble.pauseMs = Math.min(2 * trouble.pauseMs, this.#maxMs)
    return true
  }

  /** It went well: whatever comes now is news. */
  over(): void {
    if (this.#lasting.size > 0) this.#lasting = new LruMap(KINDS)
  }
}

/** Messages have figures in them that change with each attempt; a code says what it is. */
function kindOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code
  return error instanceof Error ? error.message : String(error)
}
