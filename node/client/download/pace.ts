import type { Clock } from '../../../base/clock.ts'
import type { Countdown } from '../../../base/deadline.ts'

/** So much of a sliver is a step: what only trickles is late as well. */
const STEP_BYTES = 64 * 1024
/** A peer is late when a step takes so many times as long as the longest of nearly all of its requests before. */
const LATE_FACTOR = 2
const LATE_MIN_MS = 150
const LATE_MAX_MS = 2_000
/** with no memory of a peer: a dial over a long line and a slow disk */
const LATE_UNKNOWN_MS = 500
/** After so many times that, nothing is expected of it any more. */
const LOST_FACTOR = 3
/** One who was asked later and took less than this part of the time shows that it is not this side that is slow. */
const OVERTAKEN_FACTOR = 3

/** How long a peer may take for a step: by what the longest took in 19 of 20 requests; undefined with no memory of any. */
export const patienceMs = (usualMs: number | undefined): number =>
  usualMs === undefined
    ? LATE_UNKNOWN_MS
    : Math.min(LATE_MAX_MS, Math.max(LATE_MIN_MS, usualMs * LATE_FACTOR))

export interface PaceInit {
  clock: Clock
  /** for a step */
  limitMs: number
  onStep: () => void
  /** The peer became late, or lost. */
  onLate: () => void
}

/** How fast a peer answers a request, by bytes and measured by its own past. Stop it at the end. */
export class Pace {
  readonly #init: PaceInit
  readonly #limitMs: number
  readonly #patience: Countdown
  #state: 'on time' | 'late' | 'lost' = 'on time'
  #givingUp: Countdown | undefined
  #stepAt: number
  #stepBytes = 0
  #longestMs: number | undefined

  constructor(init: PaceInit) {
    this.#init = init
    const { clock, limitMs } = init
    this.#limitMs = limitMs
    this.#stepAt = clock.monotonic()
    this.#patience = clock.countdown(this.#limitMs, () => this.#late())
  }

  /** What its longest step took; undefined before the first. */
  get longestMs(): number | undefined {
    return this.#longestMs
  }

  /** Its step takes longer than it should. */
  get late(): boolean {
    return this.#state !== 'on time'
  }

  /** It has made no step in half the time after which it is late. */
  get slow(): boolean {
    return this.#init.clock.monotonic() - this.#stepAt >= this.#limitMs / 2
  }

  /** It has been late for so long that it may as well not be there. */
  get lost(): boolean {
    return this.#state === 'lost'
  }

  /** Whether nothing has come since then, nor ever, for many times as long as somebody took who was asked after that. */
  isOvertaken(askedAt: number): boolean {
    const now = this.#init.clock.monotonic()
    const waitedMs = now - this.#stepAt
    return (
      this.#longestMs === undefined && waitedMs >= Math.max(LATE_MIN_MS, (now - askedAt) * OVERTAKEN_FACTOR)
    )
  }

  /** Others have overtaken it: it is late before its time. */
  blame(): void {
    if (this.#state === 'on time') this.#late()
  }

  /** The same, and nothing is expected of it any more. */
  giveUp(): void {
    if (this.#state === 'lost') return
    this.#state = 'lost'
    this.#init.onLate()
  }

  /** Bytes came. */
  heard(bytes: number): void {
    this.#stepBytes += bytes
    if (this.#longestMs === undefined || this.#stepBytes >= STEP_BYTES) this.step()
  }

  /** It is not to blame for being late: it is given the same time again, though not again and again until it is lost. */
  excuse(): void {
    if (this.#state !== 'late') return
    this.#state = 'on time'
    this.#patience.restart()
  }

  /** What came is a step, however much it is: the end of a sliver. */
  step(): void {
    const now = this.#init.clock.monotonic()
    this.#longestMs = Math.max(this.#longestMs ?? 0, now - this.#stepAt)
    this.#stepAt = now
    this.#stepBytes = 0
    this.#state = 'on time'
    this.#givingUp?.stop()
    this.#givingUp = undefined
    this.#patience.restart()
    this.#init.onStep()
  }

  stop(): void {
    this.#patience.stop()
    this.#givingUp?.stop()
  }

  #late(): void {
    if (this.#state === 'lost') return
    this.#state = 'late'
    this.#givingUp ??= this.#init.clock.countdown(this.#limitMs * (LOST_FACTOR - 1), () => this.giveUp())
    this.#init.onLate()
  }
}
