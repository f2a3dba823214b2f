import { sleep } from './wait.ts'

/**
 * Work that goes on after its caller got an answer: pushing slivers to the nodes that were not needed for the quorum.
 * Bounded, and awaited on close.
 */
export interface Lingering {
  /** ends when time on close is up */
  readonly signal: AbortSignal
  /** Takes on work; never rejects. `cutShort` ends the work early, within moments. */
  add(work: Promise<void>, cutShort?: (reason: unknown) => void): void
  /**
   * Waits until fewer than the limit are under way. When that takes too long, the oldest is cut short: a node that takes
   * its slivers by drips must not keep others from storing. Rejects with the signal's reason.
   */
  room(signal?: AbortSignal): Promise<void>
  /** Waits for what is under way, for at most `graceMs`, then aborts it. */
  close(graceMs: number): Promise<void>
}

/** How long new work waits for old work: what nodes on good lines need to catch up. */
const PATIENCE_MS = 10_000

export function createLingering(limit: number, patienceMs = PATIENCE_MS): Lingering {
  /** in order of beginning */
  const under = new Map<Promise<void>, ((reason: unknown) => void) | undefined>()
  const stop = new AbortController()
  return {
    signal: stop.signal,
    add(work, cutShort) {
      const settled = work.catch(() => undefined).finally(() => under.delete(settled))
      under.set(settled, cutShort)
    },
    async room(signal) {
      while (under.size >= limit) {
        signal?.throwIfAborted()
        const waited = new AbortController()
        const onAbort = () => waited.abort(signal?.reason)
        signal?.addEventListener('abort', onAbort, { once: true })
        try {
          const late = sleep(patienceMs, waited.signal).then(() => true)
          if (!(await Promise.race([late, ...under.keys()]))) continue
          const oldest = [...under].find(([, cutShort]) => cutShort !== undefined)
          if (oldest === undefined) continue
          const [work, cutShort] = oldest
          under.set(work, undefined)
          cutShort?.(new DOMException('others have waited for long enough', 'AbortError'))
        } finally {
          signal?.removeEventListener('abort', onAbort)
          waited.abort()
        }
      }
    },
    async close(graceMs) {
      const timer = setTimeout(() => stop.abort(new DOMException('closing', 'AbortError')), graceMs)
      await Promise.all(under.keys())
      clearTimeout(timer)
      stop.abort(new DOMException('closed', 'AbortError'))
    },
  }
}
