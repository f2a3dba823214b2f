import { Clock } from '../../base/clock.ts'
import type { Timer } from '../../base/timers.ts'

interface Due {
  at: number
  order: number
  act: () => void
}

/** A clock that stands still until it is told to go on. */
export class VirtualClock extends Clock {
  readonly #state: { ms: number; order: number; due: Set<Due> }

  /** `startMs` since 1970 */
  constructor(startMs = 0) {
    const state = { ms: 0, order: 0, due: new Set<Due>() }
    super({
      now: () => startMs + state.ms,
      monotonic: () => state.ms,
      after(ms, act): Timer {
        const entry = { at: state.ms + Math.max(0, ms), order: state.order++, act }
        state.due.add(entry)
        return { stop: () => state.due.delete(entry) }
      },
    })
    this.#state = state
  }

  /** how many timers wait */
  get waiting(): number {
    return this.#state.due.size
  }

  /** Lets `ms` pass: whatever falls due acts at its time, in order, and what promises it settles runs before the next. */
  async advance(ms: number): Promise<void> {
    const until = this.#state.ms + ms
    for (;;) {
      // promises that were settled may set timers of their own
      await new Promise(resolve => setImmediate(resolve))
      const next = [...this.#state.due]
        .filter(({ at }) => at <= until)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (next === undefined) break
      this.#state.due.delete(next)
      this.#state.ms = next.at
      next.act()
    }
    this.#state.ms = until
  }

  /** Lets time pass, `stepMs` at a time, until something has happened that also waits for the disk, say, and not for time alone. */
  async advanceUntil(happened: Promise<unknown>, stepMs: number): Promise<void> {
    let isOver = false
    const end = (): void => {
      isOver = true
    }
    happened.then(end, end)
    while (!isOver) await this.advance(stepMs)
    await happened
  }
}
