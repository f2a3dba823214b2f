import { setImmediate as nextTurn } from 'node:timers/promises'

/** Executions go on so long before the event loop gets its turn. */
const sliceMs = 10

interface Waiting {
  run(): void
}

/**
 * Move code runs to its end once it has begun, for seconds at worst. So executions are done one at a time, those
 * of different callers in turn, and after a long one whatever else the process has to answer comes first.
 */
export class Turns {
  /** by caller; the one whose turn is next comes first */
  readonly #queues = new Map<string, Waiting[]>()
  #isPumping = false
  /** since the event loop had its turn */
  #workedMs = 0

  /**
   * Does the work when it is the caller's turn: at once, when nobody waits.
   * @throws the signal's reason when it is aborted before
   */
  run<T>(caller: string, work: () => T, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = (): void => {
        try {
          signal?.throwIfAborted()
          resolve(work())
        } catch (error) {
          reject(error)
        }
      }
      const queue = this.#queues.get(caller)
      if (queue) queue.push({ run })
      else this.#queues.set(caller, [{ run }])
      void this.#pump()
    })
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#queues.size > 0) {
      if (this.#workedMs > sliceMs) await nextTurn()
      const started = performance.now()
      // forgotten when the loop has come around
      if (this.#workedMs === 0) setImmediate(() => (this.#workedMs = 0))
      this.#next()?.run()
      this.#workedMs += performance.now() - started
    }
    this.#isPumping = false
  }

  /** Takes the first of the caller who waited longest for a turn; the caller's others come after everybody else's. */
  #next(): Waiting | undefined {
    for (const [caller, queue] of this.#queues) {
      this.#queues.delete(caller)
      const next = queue.shift()
      if (queue.length > 0) this.#queues.set(caller, queue)
      if (next) return next
    }
    return undefined
  }
}
