import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Counts } from '../attack.ts'

export interface RepeatOptions {
  signal: AbortSignal
  /** at a time */
  parallel?: number
  /** tries in all, so that a fast machine does no more than a slow one */
  most?: number
}

/** Tries again and again until the signal; what fails was refused, and is counted as such. */
export async function repeat(
  { signal, parallel = 1, most = Number.POSITIVE_INFINITY }: RepeatOptions,
  attempt: (i: number) => Promise<unknown>,
): Promise<Counts> {
  const counts = { tried: 0, failed: 0 }
  const worker = async (): Promise<void> => {
    while (!signal.aborted && counts.tried < most) {
      try {
        await attempt(counts.tried++)
      } catch {
        counts.failed++
      }
      await nextTurn()
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return counts
}

/** Resolves with the signal, for attacks that hold what they have. */
export function ended(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
