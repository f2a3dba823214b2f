import { anySignal, sleep } from '../../../base/wait.ts'

/**
 * Work that goes on after its caller got an answer: pushing slivers to the nodes that were not needed for the quorum.
 * Bounded, and awaited on close.
 */
export interface Lingering {
  /** ends when time on close is up */
  readonly signal: AbortSignal
  /**
   * Waits for a place, which is the caller's from then on. When that takes too long, the oldest work is cut short: a node
   * that takes its slivers by drips must not keep others from storing. Rejects with the signal's reason.
   */
  enter(signal?: AbortSignal): Promise<Place>
  /** Waits for what is under way, for at most `graceMs`, then aborts it. */
  close(graceMs: number): Promise<void>
}

export interface Place {
  /** Takes on work that may outlast the caller; never rejects. `cutShort` ends the work early, within moments. */
  add(work: Promise<void>, cutShort?: CutShort): void
  /** The caller is done: the place is free once its work has ended. A second call does nothing. */
  leave(): void
}

type CutShort = (reason: unknown) => void

/** How long new work waits for old work: what nodes on good lines need to catch up. */
const PATIENCE_MS = 10_000

/** `limit` counts places: callers that have not left, and those that left work behind. */
export function createLingering(limit: number, patienceMs = PATIENCE_MS): Lingering {
  /** in order of beginning */
  const work = new Map<Promise<void>, CutShort | undefined>()
  const stop = new AbortController()
  let taken = 0
  let freed = Promise.withResolvers<void>()

  function take(): Place {
    taken++
    // the caller counts as well, until it leaves
    let holders = 1
    let left = false
    const release = (): void => {
      if (--holders > 0) return
      taken--
      freed.resolve()
      freed = Promise.withResolvers()
    }
    return {
      add(promise, cutShort) {
        holders++
        const settled = promise
          .catch(() => undefined)
          .finally(() => {
            work.delete(settled)
            release()
          })
        work.set(settled, cutShort)
      },
      leave() {
        if (left) return
        left = true
        release()
      },
    }
  }

  function cutOldestShort(): void {
    const oldest = [...work].find(([, cutShort]) => cutShort !== undefined)
    if (oldest === undefined) return
    const [promise, cutShort] = oldest
    work.set(promise, undefined)
    cutShort?.(new DOMException('others have waited for long enough', 'AbortError'))
  }

  return {
    signal: stop.signal,
    async enter(signal) {
      while (taken >= limit) {
        signal?.throwIfAborted()
        const waited = new AbortController()
        try {
          const late = sleep(patienceMs, anySignal(signal, waited.signal)).then(() => true)
          if (await Promise.race([late, freed.promise])) cutOldestShort()
        } finally {
          waited.abort()
        }
      }
      return take()
    },
    async close(graceMs) {
      const timer = setTimeout(() => stop.abort(new DOMException('closing', 'AbortError')), graceMs)
      await Promise.all(work.keys())
      clearTimeout(timer)
      stop.abort(new DOMException('closed', 'AbortError'))
    },
  }
}
