import type { Clock } from '../../base/clock.ts'
import * as base from '../../base/wait.ts'
import { ProtocolError } from '../errors.ts'

export interface WaitOptions {
  /** ends the wait with the signal's own reason */
  signal?: AbortSignal
  /** ends the wait with TIMEOUT; our own stalls do not count */
  timeoutMs?: number
}

/** As that of `base`, with a time limit. */
export function waitFor(
  clock: Clock,
  arm: (resolve: () => void, reject: (error: unknown) => void) => () => void,
  { signal, timeoutMs }: WaitOptions = {},
): Promise<void> {
  return base.waitFor((resolve, reject) => {
    const onEnd = () => reject(new ProtocolError('TIMEOUT'))
    const limit = timeoutMs === undefined ? undefined : clock.countdown(timeoutMs, onEnd)
    const disarm = arm(resolve, reject)
    return () => {
      limit?.stop()
      disarm()
    }
  }, signal)
}
