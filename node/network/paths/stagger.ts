import type { Clock } from '../../../base/clock.ts'
import type { Timer } from '../../../base/timers.ts'
import { anySignal, waitFor } from '../../../base/wait.ts'

/** One way to get something. */
export interface Attempt<T> {
  /** after the one before began; at once when that has failed */
  afterMs: number
  run(signal: AbortSignal): Promise<T>
}

/**
 * Happy eyeballs: starts one attempt after the other, without waiting for those before to end. The first result wins;
 * the others are aborted, and what they bring all the same is dropped. Rejects with an AggregateError when all have failed, or with the
 * signal's reason.
 */
export async function stagger<T>(
  attempts: readonly Attempt<T>[],
  { clock, signal, drop }: { clock: Clock; signal: AbortSignal; drop: (late: T) => void },
): Promise<T> {
  const running = new Set<AbortController>()
  const failures: unknown[] = []
  let outcome: { result: T } | undefined
  let isOver = false
  let started = 0
  let timer: Timer | undefined

  async function run(attempt: Attempt<T>): Promise<T> {
    const stop = new AbortController()
    running.add(stop)
    try {
      return await attempt.run(anySignal(signal, stop.signal))
    } finally {
      // what has won is not aborted
      running.delete(stop)
    }
  }

  try {
    await waitFor((resolve, reject) => {
      const next = (): void => {
        timer?.stop()
        const attempt = attempts[started]
        if (attempt === undefined) {
          if (failures.length === attempts.length)
            reject(new AggregateError(failures, 'every attempt failed'))
          return
        }
        started++
        timer = startAfter(attempts[started], clock, next)
        run(attempt).then(
          result => {
            if (isOver) return drop(result)
            isOver = true
            outcome = { result }
            resolve()
          },
          (error: unknown) => {
            failures.push(error)
            if (!isOver) next()
          },
        )
      }
      next()
      return () => timer?.stop()
    }, signal)
    return outcome!.result
  } finally {
    isOver = true
    for (const stop of running) stop.abort(new Error('another attempt was faster'))
  }
}

function startAfter(next: Attempt<unknown> | undefined, clock: Clock, start: () => void): Timer | undefined {
  return next && clock.after(next.afterMs, start)
}
