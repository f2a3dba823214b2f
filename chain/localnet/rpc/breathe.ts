import { setImmediate } from 'node:timers/promises'

/** Work goes on so long before others get their turn. */
const SLICE_MS = 10

/** For loops whose awaits may all be answered from memory: lets others in now and then. */
export function createBreather(): () => Promise<void> {
  let since = performance.now()
  return async () => {
    if (performance.now() - since < SLICE_MS) return
    await setImmediate()
    since = performance.now()
  }
}
