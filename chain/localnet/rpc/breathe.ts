import type { Clock } from '../../../base/clock.ts'
import { nextTurn } from '../../../base/turn.ts'

/** Work goes on so long before others get their turn. */
const SLICE_MS = 10

/** For loops whose awaits may all be answered from memory: lets others in now and then. */
export function createBreather(clock: Pick<Clock, 'monotonic'>): () => Promise<void> {
  let since = clock.monotonic()
  return async () => {
    if (clock.monotonic() - since < SLICE_MS) return
    await nextTurn()
    since = clock.monotonic()
  }
}
