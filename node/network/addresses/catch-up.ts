import { Background } from '../../../base/background.ts'
import { createBackoff } from '../../../base/backoff.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Lookup } from './lookup.ts'

export interface CatchUpInit {
  lookup: Pick<Lookup, 'refresh'>
  clock: Clock
  /** 0 to 1 */
  random: () => number
}

/** What gossip did not bring, as a node or a neighbour was just starting, is asked for, less and less often. */
const FIRST_MS = 2_000
const LONGEST_MS = 3_600_000

/** Asks neighbours where members are as long as that is not known of all. */
export function createCatchUp({ lookup, clock, random }: CatchUpInit): Background {
  return new Background(async signal => {
    const backoff = createBackoff({
      firstMs: FIRST_MS,
      maxMs: LONGEST_MS,
      jitter: 0.5,
      random,
      timers: clock,
    })
    // gossip comes first: by then there are neighbours, and little is missing
    await backoff.pause(signal).catch(() => undefined)
    while (!signal.aborted) {
      const missing = await lookup.refresh()
      if (missing > 0) await backoff.pause(signal).catch(() => undefined)
      else await clock.sleep(LONGEST_MS, signal).catch(() => undefined)
      if (missing === 0) backoff.reset()
    }
  })
}
