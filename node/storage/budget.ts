import type { Clock } from '../../base/clock.ts'
import type { Timer } from '../../base/timers.ts'
import { waitFor } from '../../base/wait.ts'
import { Breather } from './breather.ts'

/**
 * What a node does beside reads and writes, the most urgent first: what was certified here without its last slivers, shards that
 * are due, what has decayed and the search for it, and shards that will be due.
 */
export const URGENCIES = ['fresh', 'handoff', 'scrub', 'prefetch'] as const

export type Urgency = (typeof URGENCIES)[number]

export interface Spending {
  /** moved on the wire or the disk */
  bytes?: number
  /** of the codec's threads */
  cpuMs?: number
}

/** A turn at work. */
export interface Grant {
  spent(spending: Spending): void
  /** The same codec; the time that its calls take, and that they wait for readers' and writers' calls, is spent. */
  timing<T extends object>(codec: T): T
}

export interface Budget {
  /**
   * Runs work that holds so many bytes at most, once it is its turn. Not to be nested: what has a turn may not wait for another.
   * Rejects with the signal's reason, or as the work does.
   */
  within<T>(
    urgency: Urgency,
    bytes: number,
    signal: AbortSignal,
    work: (grant: Grant) => Promise<T>,
  ): Promise<T>
  /** A reader or a writer has moved so many bytes. They never wait; what is done beside them does. */
  foreground(bytes: number): void
  /** A reader or a writer is served from here on, until what it gives is called. */
  serving(): () => void
  /**
   * To be awaited every few blobs by what is done beside them, with a turn or without: pauses while they are served, though not for
   * long. Rejects with the signal's reason.
   */
  breathe(signal: AbortSignal): Promise<void>
  view(): BudgetView
}

/** What may be spent, and how it stands now. */
export interface BudgetView extends Pick<BudgetLimits, 'bytesInFlight' | 'bytesPerSecond'> {
  threads: number
  /** of `bytesInFlight`, by all that has a turn */
  heldBytes: number
  /** what waits for its turn */
  waiting: number
}

export interface BudgetLimits {
  /** held by all that has a turn; more is granted only alone, but for what is reserved */
  bytesInFlight: number
  /** of that, what only one kind of work may hold: for each kind */
  reservedBytes: number
  bytesPerSecond: number
  /** ms of codec calls in each ms */
  cpus: number
  /** of that, what each kind of work has whatever else there is to do */
  floor: number
}

const MIB = 1024 * 1024

/** What an operator may say. */
export type GrantedLimits = Partial<Pick<BudgetLimits, 'bytesInFlight' | 'bytesPerSecond' | 'cpus'>>

/** What a node on a machine of so many cores spends beside reads and writes, as far as nothing else is said. */
export function upkeepLimits(cores: number, granted: GrantedLimits = {}): BudgetLimits {
  // four pages of shards, two batches of symbols, and what comes of eight other owners
  const { bytesInFlight = 192 * MIB } = granted
  return {
    bytesInFlight,
    // a batch of symbols: slow peers may hold up what waits for them, and nothing else
    reservedBytes: Math.min(16 * MIB, bytesInFlight / 12),
    // a line of 1 Gbit/s
    bytesPerSecond: granted.bytesPerSecond ?? 128 * MIB,
    // the rest is there at once for a reader
    cpus: granted.cpus ?? cores * 0.75,
    // 8 MiB/s, and a quarter for all four together: under readers without end nothing else is left
    floor: 1 / 16,
  }
}

/** What may be spent at once after a pause, and what readers and writers can take ahead. */
const BURST_MS = 1_000

/** How it stands with the budget, in ms of it: bytes and CPU are both counted by the time in which they are to be had. */
export interface Standing {
  /** above 0: there for all */
  leftMs: number
  /** of each kind of work, in their order: 0, or below while the floor is used up */
  floorsMs: readonly number[]
  /** of each: whether there is something to do */
  waiting: readonly boolean[]
}

/**
 * Whose turn it is, by its position: who is owed its floor, and of the others the most urgent, unless nothing is left. Undefined:
 * nobody's.
 */
export function nextTurn({
  leftMs,
  floorsMs,
  waiting,
}: Standing): { at: number; byFloor: boolean } | undefined {
  const first = waiting.indexOf(true)
  const isLeft = leftMs >= 0
  // the most urgent needs no floor as long as something is left
  const owed = waiting.findIndex((waits, at) => waits && floorsMs[at]! >= 0 && !(isLeft && at === first))
  if (owed >= 0) return { at: owed, byFloor: true }
  return isLeft && first >= 0 ? { at: first, byFloor: false } : undefined
}

interface Waiter {
  bytes: number
  grant: (byFloor: boolean) => void
}

/** One budget for all that a node does beside reads and writes; with the breather of the process, where it is not alone there. */
export function createBudget(
  limits: BudgetLimits,
  clock: Pick<Clock, 'monotonic' | 'after'>,
  breather = new Breather(clock),
): Budget {
  return new SharedBudget(limits, clock, breather)
}

class SharedBudget implements Budget {
  readonly #limits: BudgetLimits
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>
  readonly #queues: Waiter[][] = URGENCIES.map(() => [])
  readonly #floorsMs = URGENCIES.map(() => 0)
  #leftMs = BURST_MS
  #at: number
  readonly #held = URGENCIES.map(() => 0)
  #timer: Timer | undefined
  readonly #breather: Breather

  constructor(limits: BudgetLimits, clock: Pick<Clock, 'monotonic' | 'after'>, breather: Breather) {
    this.#limits = limits
    this.#clock = clock
    this.#at = clock.monotonic()
    this.#breather = breather
  }

  async within<T>(
    urgency: Urgency,
    bytes: number,
    signal: AbortSignal,
    work: (grant: Grant) => Promise<T>,
  ): Promise<T> {
    const at = URGENCIES.indexOf(urgency)
    const byFloor = await this.#wait(this.#queues[at]!, bytes, signal)
    // what is held is taken for spent until it is known: else others would have their turns meanwhile
    let advanceMs = this.#costOf({ bytes })
    const spent = (spending: Spending): void => {
      const costMs = this.#costOf(spending)
      this.#spend(at, byFloor, Math.max(0, costMs - advanceMs))
      advanceMs = Math.max(0, advanceMs - costMs)
    }
    const timing = <C extends object>(codec: C): C => timed(codec, this.#clock, cpuMs => spent({ cpuMs }))
    try {
      return await work({ spent, timing })
    } finally {
      this.#spend(at, byFloor, -advanceMs)
      this.#held[at]! -= bytes
      this.#serve()
    }
  }

  foreground(bytes: number): void {
    this.#refill()
    this.#leftMs = Math.max(-BURST_MS, this.#leftMs - this.#costOf({ bytes }))
  }

  serving(): () => void {
    return this.#breather.serving()
  }

  breathe(signal: AbortSignal): Promise<void> {
    return this.#breather.breathe(signal)
  }

  view(): BudgetView {
    const { bytesInFlight, bytesPerSecond, cpus } = this.#limits
    const waiting = sum(this.#queues.map(queue => queue.length))
    return { threads: cpus, bytesInFlight, bytesPerSecond, heldBytes: sum(this.#held), waiting }
  }

  async #wait(queue: Waiter[], bytes: number, signal: AbortSignal): Promise<boolean> {
    let granted = false
    let asFloor = false
    await waitFor(resolve => {
      const waiter: Waiter = {
        bytes,
        grant(byFloor) {
          granted = true
          asFloor = byFloor
          resolve()
        },
      }
      queue.push(waiter)
      this.#serve()
      return () => {
        if (granted) return
        queue.splice(queue.indexOf(waiter), 1)
        this.#serve()
      }
    }, signal)
    return asFloor
  }

  #spend(at: number, byFloor: boolean, costMs: number): void {
    this.#refill()
    this.#leftMs -= costMs
    if (byFloor) this.#floorsMs[at]! -= costMs
  }

  #costOf({ bytes = 0, cpuMs = 0 }: Spending): number {
    return (bytes / this.#limits.bytesPerSecond) * 1_000 + cpuMs / this.#limits.cpus
  }

  #refill(): void {
    const now = this.#clock.monotonic()
    const passedMs = now - this.#at
    this.#at = now
    this.#leftMs = Math.min(BURST_MS, this.#leftMs + passedMs)
    for (const [at, floorMs] of this.#floorsMs.entries())
      this.#floorsMs[at] = Math.min(0, floorMs + passedMs * this.#limits.floor)
  }

  #serve(): void {
    this.#timer?.stop()
    this.#timer = undefined
    this.#refill()
    const blocked = new Set<number>()
    for (;;) {
      const waiting = this.#queues.map((queue, at) => queue.length > 0 && !blocked.has(at))
      const turn = nextTurn({ leftMs: this.#leftMs, floorsMs: this.#floorsMs, waiting })
      if (turn === undefined) {
        this.#serveLater(waiting)
        return
      }
      const { bytes, grant } = this.#queues[turn.at]![0]!
      // what is large is passed by what is reserved for others alone, so that it has its turn as well
      if (!this.#isReserved(turn.at, bytes) && (blocked.size > 0 || !this.#fits(turn.at, bytes))) {
        blocked.add(turn.at)
        continue
      }
      this.#queues[turn.at]!.shift()
      this.#held[turn.at]! += bytes
      this.#spend(turn.at, turn.byFloor, this.#costOf({ bytes }))
      grant(turn.byFloor)
    }
  }

  #isReserved(at: number, bytes: number): boolean {
    return this.#held[at]! + bytes <= this.#limits.reservedBytes
  }

  #fits(at: number, bytes: number): boolean {
    const { bytesInFlight, reservedBytes } = this.#limits
    const withReserves = this.#held.map((held, i) => (i === at ? held : Math.max(held, reservedBytes)))
    const isAlone = this.#held.every((held, i) => held === 0 || (i !== at && held <= reservedBytes))
    return isAlone || sum(withReserves) + bytes <= bytesInFlight
  }

  /** What has no room is served when others end. */
  #serveLater(waiting: readonly boolean[]): void {
    const { floor } = this.#limits
    const waits = waiting.flatMap((waits, at) => (waits ? -this.#floorsMs[at]! / floor : []))
    if (waits.length === 0) return
    const ms = Math.min(-this.#leftMs, ...waits)
    this.#timer = this.#clock.after(Math.max(1, Math.ceil(ms)), () => this.#serve())
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

function timed<T extends object>(codec: T, clock: Pick<Clock, 'monotonic'>, took: (ms: number) => void): T {
  return new Proxy(codec, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name, target)
      if (typeof method !== 'function') return method
      return (...given: unknown[]): unknown => {
        const began = clock.monotonic()
        const result: unknown = Reflect.apply(method, target, given)
        if (!(result instanceof Promise)) return result
        return result.finally(() => took(clock.monotonic() - began))
      }
    },
  })
}
