import { raceSignal } from 'race-signal'
import type { Clock } from '../../base/clock.ts'

interface Known<T> {
  outcome: Promise<T>
  doneMs?: number
}

/**
 * Work that many ask for: done once for all who wait, and not again while its outcome is younger than `freshMs`. A failure is
 * told to those who wait and not kept. No caller's signal reaches the work; each stops waiting by its own.
 */
export function createShared<T>(
  clock: Pick<Clock, 'monotonic'>,
  work: () => Promise<T>,
  freshMs = 0,
): (signal: AbortSignal) => Promise<T> {
  let known: Known<T> | undefined
  return signal => {
    if (known?.doneMs !== undefined && clock.monotonic() - known.doneMs >= freshMs) known = undefined
    if (known === undefined) {
      const mine: Known<T> = { outcome: work() }
      known = mine
      mine.outcome.then(
        () => {
          mine.doneMs = clock.monotonic()
        },
        () => {
          if (known === mine) known = undefined
        },
      )
    }
    return raceSignal(known.outcome, signal)
  }
}
