import type { Clock } from './clock.ts'
import { createPlaces } from './places.ts'
import { waitFor } from './wait.ts'

/** A name that places are counted for. */
export interface PlaceName {
  name: string
  /** under way at a time, one at least */
  most: number
  /** that wait beside these; as many as of all when absent */
  waiting?: number | undefined
}

/** Places that are waited for: in turn, but nobody waits for a name's place behind those of another name. */
export interface PlaceQueue {
  /**
   * Takes a place, and waits for one where that may be. Call the result when it is over; undefined: too many wait, or none
   * was free in time. Rejects with the signal's reason.
   */
  enter(names: readonly PlaceName[], signal?: AbortSignal): Promise<(() => void) | undefined>
}

export interface PlaceQueueInit {
  /** under way at a time */
  most: number
  /** that wait, of all */
  waiting: number
  /** for so long at most */
  waitMs: number
  clock: Pick<Clock, 'deadline'>
}

interface Waiter {
  names: readonly PlaceName[]
  taken(leave: () => void): void
}

export function createPlaceQueue({ most, waiting, waitMs, clock }: PlaceQueueInit): PlaceQueue {
  const underWay = createPlaces()
  const waits = createPlaces()
  const waiters = new Set<Waiter>()

  function take(names: readonly PlaceName[]): (() => void) | undefined {
    const leave = underWay.take(
      most,
      names.map(one => [one.name, one.most]),
    )
    if (leave === undefined) return undefined
    return () => {
      leave()
      callNext()
    }
  }

  /** One place is free: of those that may have it, the one who has waited for longest. */
  function callNext(): void {
    for (const waiter of waiters) {
      const leave = take(waiter.names)
      if (leave === undefined) continue
      waiters.delete(waiter)
      waiter.taken(leave)
      return
    }
  }

  async function wait(names: readonly PlaceName[], signal?: AbortSignal): Promise<(() => void) | undefined> {
    let place: (() => void) | undefined
    using limit = clock.deadline(waitMs, [signal])
    try {
      await waitFor(resolve => {
        const waiter: Waiter = {
          names,
          taken(leave) {
            place = leave
            resolve()
          },
        }
        waiters.add(waiter)
        return () => waiters.delete(waiter)
      }, limit.signal)
    } catch {
      signal?.throwIfAborted()
    }
    return place
  }

  return {
    async enter(names, signal) {
      signal?.throwIfAborted()
      const leave = take(names)
      if (leave !== undefined) return leave
      const stopWaiting = waits.take(
        waiting,
        names.map(one => [one.name, one.waiting ?? waiting]),
      )
      if (stopWaiting === undefined) return undefined
      try {
        return await wait(names, signal)
      } finally {
        stopWaiting()
      }
    },
  }
}
