import type { Clock } from '../../base/clock.ts'
import type { Timer } from '../../base/timers.ts'
import { waitFor } from '../../base/wait.ts'

/** Work goes on so long before it looks whether somebody is served. */
const SLICE_MS = 2
/** What one request asks for next comes within so long. */
const LINGER_MS = 3
/** Nobody pauses for longer, however many are served all the time. */
const PAUSE_MS = 20

/** Who was served so lately asks again soon, here or at another node of the machine. */
const RECENTLY_MS = 250

/**
 * Has work pause while readers and writers are served, as each of their steps waits for a turn of the event loop. As long as they ask
 * again and again it rests between for as long as it has worked: a process that is always at work gets a core late when many want one.
 */
export class Breather {
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>
  readonly #paused = new Set<() => void>()
  #served = 0
  /** when the last of them had what it asked for */
  #servedAt = Number.NEGATIVE_INFINITY
  #wentOnAt = Number.NEGATIVE_INFINITY
  /** Somebody is served, or may be again in a moment. */
  #isBusy = false
  #lingering: Timer | undefined
  #pause: Timer | undefined

  constructor(clock: Pick<Clock, 'monotonic' | 'after'>) {
    this.#clock = clock
  }

  /** Somebody is served from here on, until what it gives is called. */
  serving(): () => void {
    this.#served++
    this.#isBusy = true
    this.#lingering?.stop()
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      if (--this.#served > 0) return
      this.#servedAt = this.#clock.monotonic()
      this.#lingering = this.#clock.after(LINGER_MS, () => {
        this.#isBusy = false
        this.#goOn()
      })
    }
  }

  /** To be awaited every few blobs: pauses while somebody is served, though not for long. Rejects with the signal's reason. */
  async breathe(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const now = this.#clock.monotonic()
    const workedMs = now - this.#wentOnAt
    if (workedMs < SLICE_MS) return
    const pauseMs = this.#pauseMs(now, workedMs)
    if (pauseMs === 0) {
      this.#wentOnAt = now
      return
    }
    this.#pause ??= this.#clock.after(pauseMs, () => this.#goOn())
    await waitFor(resolve => {
      this.#paused.add(resolve)
      return () => this.#paused.delete(resolve)
    }, signal)
  }

  #pauseMs(now: number, workedMs: number): number {
    if (this.#isBusy) return PAUSE_MS
    return now - this.#servedAt < RECENTLY_MS ? Math.min(PAUSE_MS, workedMs) : 0
  }

  #goOn(): void {
    this.#pause?.stop()
    this.#pause = undefined
    this.#wentOnAt = this.#clock.monotonic()
    for (const goOn of [...this.#paused]) goOn()
  }
}
