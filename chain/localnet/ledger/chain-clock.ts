import type { Clock } from '../../../base/clock.ts'

/**
 * The chain's time, in ms since 1970: it goes on while the ledger is open, from where it was when that was last closed or
 * killed, and as fast as the machine's. It never goes back, whatever happens to the machine's date.
 */
export class ChainClock {
  readonly #clock: Clock
  readonly #openedAt: number
  #startMs: number

  constructor(clock: Clock, startMs: number) {
    this.#clock = clock
    this.#openedAt = clock.monotonic()
    this.#startMs = startMs
  }

  nowMs(): bigint {
    // up: the start was cut to whole ms
    return BigInt(this.#startMs + Math.ceil(this.#clock.monotonic() - this.#openedAt))
  }

  advance(ms: number): void {
    this.#startMs += ms
  }
}
