import { systemTimers, type Timer, type Timers } from './timers.ts'
import { anySignal } from './wait.ts'

/** A limit is counted in so many parts, so that of a stall no more than one is taken for the other side's silence. */
const PARTS = 8
const MIN_PART_MS = 20
/** A timer that comes later than this was held up by this process: what has arrived meanwhile was not read yet. */
const LATE_MS = 50
/** So many late parts are forgiven; a process that is always late must come to an end as well. */
const MAX_STALLS = 8

/**
 * Counts down the time in which this process could have heard an answer. A plain timer that fires after a stall of the
 * event loop (garbage collection, a busy machine, a process that was stopped) runs before the sockets are read, and gives
 * up on answers that have long arrived. Here a part during which the loop stood still does not count.
 */
export class Countdown {
  readonly #partMs: number
  readonly #parts: number
  readonly #onEnd: () => void
  readonly #timers: Timers
  #left = 0
  #stalls = 0
  #timer: Timer | undefined

  /** Runs at once; `onEnd` is called once `ms` have passed, unless it is stopped before. */
  constructor(ms: number, onEnd: () => void, timers: Timers = systemTimers) {
    this.#timers = timers
    this.#parts = Math.max(1, Math.min(PARTS, Math.floor(ms / MIN_PART_MS)))
    this.#partMs = ms / this.#parts
    this.#onEnd = onEnd
    this.restart()
  }

  /** From the beginning. */
  restart(): void {
    this.stop()
    this.#left = this.#parts
    this.#stalls = 0
    this.#next()
  }

  stop(): void {
    this.#timer?.stop()
    this.#timer = undefined
  }

  #next(): void {
    const dueAt = this.#timers.monotonic() + this.#partMs
    this.#timer = this.#timers.after(this.#partMs, () => {
      const stalled = this.#timers.monotonic() - dueAt > LATE_MS && this.#stalls < MAX_STALLS
      if (stalled) this.#stalls++
      else this.#left--
      if (this.#left > 0) return this.#next()
      this.#timer = undefined
      this.#onEnd()
    })
  }
}

/** A time limit as a signal. Dispose of it (`using`) when the wait is over. */
export interface Deadline extends Disposable {
  /** aborts with the limit's reason when the time is up, or with the reason of one of the given signals */
  readonly signal: AbortSignal
  /** whether the time is up, whatever else ended the wait */
  readonly expired: boolean
}

/** A limit on a wait for others: of `ms` without our own stalls. It ends with any of the signals as well. */
export function deadline(
  ms: number,
  signals: readonly (AbortSignal | undefined)[] = [],
  reason: () => unknown = () => new DOMException('the time is up', 'TimeoutError'),
  timers: Timers = systemTimers,
): Deadline {
  const late = new AbortController()
  const countdown = new Countdown(ms, () => late.abort(reason()), timers)
  return {
    signal: anySignal(late.signal, ...signals),
    get expired() {
      return late.signal.aborted
    },
    [Symbol.dispose]: () => countdown.stop(),
  }
}

const WATCH_MS = 500
/** Shorter ones end nothing: the limits of what lies below, which do count them, are a few seconds. */
const STALL_MS = 1_000

/** Tells whether this process stood still since it was made. Dispose of it afterwards. */
export class StallWatch implements Disposable {
  readonly #timers: Timers
  #dueAt = 0
  #stalled = false
  #timer: Timer | undefined

  constructor(timers: Timers = systemTimers) {
    this.#timers = timers
    this.#next()
  }

  /** Right in the first turn after a stall as well, whichever timer comes first in it. */
  get stalled(): boolean {
    return this.#stalled || this.#timers.monotonic() - this.#dueAt > STALL_MS
  }

  #next(): void {
    this.#stalled = this.#timer !== undefined && this.stalled
    this.#dueAt = this.#timers.monotonic() + WATCH_MS
    this.#timer = this.#timers.after(WATCH_MS, () => this.#next(), { background: true })
  }

  [Symbol.dispose](): void {
    this.#timer?.stop()
  }
}
