/**
 * Work that goes on after its caller got an answer: pushing slivers to the nodes that were not needed for the quorum.
 * Bounded, and awaited on close.
 */
export interface Lingering {
  /** ends when time on close is up */
  readonly signal: AbortSignal
  /** Takes on work; never rejects. */
  add(work: Promise<void>): void
  /** Waits until fewer than the limit are under way. */
  room(signal?: AbortSignal): Promise<void>
  /** Waits for what is under way, for at most `graceMs`, then aborts it. */
  close(graceMs: number): Promise<void>
}

export function createLingering(limit: number): Lingering {
  const under = new Set<Promise<void>>()
  const stop = new AbortController()
  return {
    signal: stop.signal,
    add(work) {
      const settled = work.catch(() => undefined).finally(() => under.delete(settled))
      under.add(settled)
    },
    async room(signal) {
      while (under.size >= limit) {
        signal?.throwIfAborted()
        await Promise.race(under)
      }
    },
    async close(graceMs) {
      const timer = setTimeout(() => stop.abort(new DOMException('closing', 'AbortError')), graceMs)
      await Promise.all(under)
      clearTimeout(timer)
      stop.abort(new DOMException('closed', 'AbortError'))
    },
  }
}
