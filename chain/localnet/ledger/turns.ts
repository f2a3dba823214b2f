import type { Clock } from '../../../base/clock.ts'
import type { Timer } from '../../../base/timers.ts'
import { nextTurn } from '../../../base/turn.ts'
import { onAbort } from '../../../base/wait.ts'

/** Executions go on so long before the event loop gets its turn. */
const SLICE_MS = 10

/** Ordinary transactions take less, and count for nothing; who publishes does for once take longer. */
const FREE_MS = 50
/** What a caller may have taken beyond that, and what is forgiven of it as time goes by. */
const DEFAULT_MAX_DEBT_MS = 5000
const FORGIVEN_PER_MS = 0.25
/** Callers whose debts are looked through for what is forgiven by now. */
const MANY_CALLERS = 1000

interface Debt {
  ms: number
  /** when it was so much */
  at: number
}

/**
 * Move code runs to its end once it has begun, for seconds at worst. So executions are done one at a time, those
 * of different callers in turn, and after a long one whatever else the process has to answer comes first. A
 * caller whose executions are long again and again gets a quarter of the time.
 */
export class Turns {
  /** by caller; the one whose turn is next comes first */
  readonly #queues = new Map<string, (() => void)[]>()
  readonly #debts = new Map<string, Debt>()
  #isPumping = false
  /** since the event loop had its turn */
  #workedMs = 0
  #timer: Timer | undefined
  readonly #clock: Clock
  readonly #maxDebtMs: number

  constructor({ clock, maxDebtMs = DEFAULT_MAX_DEBT_MS }: { clock: Clock; maxDebtMs?: number }) {
    this.#clock = clock
    this.#maxDebtMs = maxDebtMs
  }

  /**
   * Does the work when it is the caller's turn: at once, when nobody waits.
   * @throws the signal's reason when it is aborted before
   */
  run<T>(caller: string, work: () => T, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const listening = onAbort(signal, () => reject(signal!.reason))
      if (signal?.aborted) return
      const turn = (): void => {
        if (signal?.aborted) return
        listening[Symbol.dispose]()
        try {
          resolve(work())
        } catch (error) {
          reject(error)
        }
      }
      const queue = this.#queues.get(caller)
      if (queue !== undefined) queue.push(turn)
      else this.#queues.set(caller, [turn])
      void this.#pump()
    })
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    this.#timer?.stop()
    while (this.#queues.size > 0) {
      if (this.#workedMs > SLICE_MS) await nextTurn()
      const caller = this.#next()
      if (caller === undefined) break
      const started = this.#clock.monotonic()
      // forgotten when the loop has come around
      if (this.#workedMs === 0) void nextTurn().then(() => (this.#workedMs = 0))
      this.#take(caller)()
      const took = this.#clock.monotonic() - started
      this.#workedMs += took
      this.#remember(caller, took - FREE_MS)
    }
    this.#isPumping = false
    if (this.#queues.size > 0)
      this.#timer = this.#clock.after(SLICE_MS, () => void this.#pump(), { background: true })
  }

  /** The caller that waited longest for a turn, of those that may have one. */
  #next(): string | undefined {
    for (const caller of this.#queues.keys()) if (this.#debtOf(caller) < this.#maxDebtMs) return caller
    return undefined
  }

  /** The first of what the caller has waiting; the others come after everybody else's. */
  #take(caller: string): () => void {
    const queue = this.#queues.get(caller)!
    const turn = queue.shift()!
    this.#queues.delete(caller)
    if (queue.length > 0) this.#queues.set(caller, queue)
    return turn
  }

  #debtOf(caller: string): number {
    const debt = this.#debts.get(caller)
    return debt !== undefined
      ? Math.max(0, debt.ms - (this.#clock.monotonic() - debt.at) * FORGIVEN_PER_MS)
      : 0
  }

  #remember(caller: string, ms: number): void {
    if (ms <= 0) return
    this.#debts.set(caller, { ms: this.#debtOf(caller) + ms, at: this.#clock.monotonic() })
    if (this.#debts.size <= MANY_CALLERS) return
    for (const known of this.#debts.keys()) if (this.#debtOf(known) === 0) this.#debts.delete(known)
  }
}
