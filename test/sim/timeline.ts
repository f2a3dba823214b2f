import { AsyncLocalStorage } from 'node:async_hooks'
import { Clock } from '../../base/clock.ts'
import type { Timer } from '../../base/timers.ts'

interface Entry {
  at: number
  order: number
  act: (() => void) | undefined
}

/** How a node's clock differs from the timeline's. */
export interface Skew {
  /** ms that it is ahead */
  offsetMs: number
  /** how fast it runs: 1 for a right one */
  rate: number
}

/** A clock of one's own on the timeline. */
export interface SkewedClock {
  clock: Clock
  skew: Skew
  /** None of its timers fires any more. */
  stop(): void
}

const START_MS = 1_800_000_000_000

/** Virtual time, for many clocks: whatever is due acts at its time, in order, and what follows from it comes before the next. */
export class Timeline {
  readonly #heap: Entry[] = []
  /** Work outside of time, one after the other: what it gives is given before time goes on. */
  readonly #work: (() => Promise<void>)[] = []
  #ms = 0
  #order = 0
  /** whether what runs is part of real work */
  readonly #inside = new AsyncLocalStorage<true>()
  #isHalted = false
  readonly clock = this.skewed({ offsetMs: 0, rate: 1 }).clock

  /** ms since the beginning */
  get ms(): number {
    return this.#ms
  }

  after(ms: number, act: () => void): Timer {
    const entry: Entry = { at: this.#ms + Math.max(0, ms), order: this.#order++, act }
    this.#push(entry)
    return {
      stop: () => {
        entry.act = undefined
      },
    }
  }

  skewed(skew: Skew): SkewedClock {
    let isStopped = false
    const clock = new Clock({
      // whole ones, as a machine's
      now: () => Math.floor(START_MS + skew.offsetMs + this.#ms * skew.rate),
      monotonic: () => this.#ms * skew.rate,
      after: (ms, act) =>
        isStopped ? { stop() {} } : this.after(ms / skew.rate, () => (isStopped ? undefined : act())),
    })
    return {
      clock,
      skew,
      stop() {
        isStopped = true
      },
    }
  }

  /**
   * Runs what takes turns of the machine (threads, disks) when everything else waits for it or for time, so that the order in which
   * it ends is that in which it was asked for. What it needs of the same kind is run at once.
   */
  real<T>(run: () => Promise<T>): Promise<T> {
    if (this.#inside.getStore()) return run()
    return new Promise((resolve, reject) => {
      this.#work.push(() => this.#inside.run(true, run).then(resolve, reject))
    })
  }

  /** For what real work tells others of: what they begin with that waits for its turn. */
  outside(run: () => void): void {
    this.#inside.exit(run)
  }

  /** No time passes any more. */
  halt(): void {
    this.#isHalted = true
  }

  /** Lets `ms` pass; less when it is halted. */
  async advance(ms: number): Promise<void> {
    const until = this.#ms + ms
    for (;;) {
      await this.#quiet()
      if (this.#isHalted) return
      const next = this.#heap[0]
      if (next === undefined || next.at > until) break
      this.#pop()
      if (next.act === undefined) continue
      this.#ms = next.at
      next.act()
    }
    this.#ms = until
  }

  /** What needs no time, while none passes. */
  async now<T>(run: () => Promise<T>): Promise<T> {
    const result = run()
    let isOver = false
    const end = (): void => {
      isOver = true
    }
    result.then(end, end)
    while (!isOver) await this.#quiet()
    return await result
  }

  /** Until all promises that can settle now have settled, and what follows has begun to wait. */
  async #quiet(): Promise<void> {
    for (;;) {
      await turn()
      const work = this.#work.shift()
      if (work === undefined) return
      await work()
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
