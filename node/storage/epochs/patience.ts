import type { Clock } from '../../../base/clock.ts'
import type { Timer } from '../../../base/timers.ts'
import type { BlobId } from '../../../codec/types.ts'
import { blobHex } from '../store/keys.ts'

/** A source that brings nothing for this long is given up; the rest is got from others. */
const SILENCE_MS = 30_000
/** ... as is one that is slower than this, */
const BYTES_PER_SECOND = 32 * 1024
/** with each blob counted as so many bytes at least: small ones are looked up and written, whatever their size. */
const BLOB_BYTES = 4 * 1024

/** For how long a source is waited for yet: a while, and longer by what it brings. What is done with that does not count. */
export class Patience {
  readonly #clock: Clock
  #until: number
  #furthest = ''

  constructor(clock: Clock) {
    this.#clock = clock
    this.#until = clock.monotonic() + SILENCE_MS
  }

  /** 0 when it is used up */
  get leftMs(): number {
    return Math.max(0, this.#until - this.#clock.monotonic())
  }

  /** A blob that the network knows is on its way, with so many bytes that are wanted. One that comes again earns nothing. */
  earn(blobId: BlobId, bytes: number): void {
    const at = blobHex(blobId)
    if (at <= this.#furthest) return
    this.#furthest = at
    const earnedMs = (1_000 * Math.max(bytes, BLOB_BYTES)) / BYTES_PER_SECOND
    this.#until = Math.min(this.#until, this.#clock.monotonic() + SILENCE_MS) + earnedMs
  }

  /** Time that this side takes is not the source's. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    return await work().finally(this.pause().end)
  }

  /** The same, until its end; a second one does nothing. */
  pause(): { end: () => void } {
    const began = this.#clock.monotonic()
    let isOver = false
    const end = (): void => {
      if (!isOver) this.#until += this.#clock.monotonic() - began
      isOver = true
    }
    return { end }
  }

  /** Calls back when it is used up, whatever was earned by then. Stop it. */
  watch(onEnd: () => void): Timer {
    let timer: Timer
    const look = (): void => {
      if (this.leftMs === 0) onEnd()
      else timer = this.#clock.after(this.leftMs, look)
    }
    timer = this.#clock.after(this.leftMs, look)
    return { stop: () => timer.stop() }
  }
}
