import { raceSignal } from 'race-signal'
import type { Clock } from '../../base/clock.ts'

interface Known<T> {
  outcome: Promise<T>
  waiting: number
  unwanted: AbortController
  doneMs?: number
}

/**
 * Work that many ask for: done once for all who wait, and not again while its outcome is younger than `freshMs`. A failure is
 * told to those who wait and not kept. No caller's signal reaches the work; each stops waiting by its own. The work's signal
 * aborts once nobody waits: who asks while it ends has it done anew.
 */
export function createShared<T>(
  clock: Pick<Clock, 'monotonic'>,
  work: (unwanted: AbortSignal) => Promise<T>,
  freshMs = 0,
): (signal: AbortSignal) => Promise<T> {
  let known: Known<T> | undefined

  function begin(): Known<T> {
    const unwanted = new AbortController()
    const mine: Known<T> = { outcome: work(unwanted.signal), waiting: 0, unwanted }
    mine.outcome.then(
      () => {
        mine.doneMs = clock.monotonic()
      },
      () => {
        if (known === mine) known = undefined
      },
    )
    return mine
  }

  return async signal => {
    for (;;) {
      if (known?.doneMs !== undefined && clock.monotonic() - known.doneMs >= freshMs) known = undefined
      known ??= begin()
      const mine = known
      mine.waiting++
      try {
        return await raceSignal(mine.outcome, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!mine.unwanted.signal.aborted) throw error
      } finally {
        if (--mine.waiting === 0) mine.unwanted.abort()
      }
    }
  }
}
