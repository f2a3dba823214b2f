import { Countdown } from '../deadline.ts'
import { ProtocolError } from '../errors.ts'

export interface WaitOptions {
  /** ends the wait with the signal's own reason */
  signal?: AbortSignal | undefined
  /** ends the wait with TIMEOUT; our own stalls do not count */
  timeoutMs?: number | undefined
}

/**
 * A promise that can also be ended by a signal or a time limit, and leaves no listener behind. `arm` gets the two ways
 * to settle it and returns what undoes its own listeners.
 */
export function waitFor(
  arm: (resolve: () => void, reject: (error: unknown) => void) => () => void,
  { signal, timeoutMs }: WaitOptions = {},
): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason)
  return new Promise<void>((resolve, reject) => {
    let limit: Countdown | undefined
    let disarm: (() => void) | undefined
    const settle = (act: () => void): void => {
      limit?.stop()
      signal?.removeEventListener('abort', onAbort)
      disarm?.()
      act()
    }
    const onAbort = (): void => settle(() => reject(signal?.reason))
    signal?.addEventListener('abort', onAbort, { once: true })
    if (timeoutMs !== undefined) {
      limit = new Countdown(timeoutMs, () => settle(() => reject(new ProtocolError('TIMEOUT'))))
    }
    disarm = arm(
      () => settle(resolve),
      error => settle(() => reject(error)),
    )
  })
}

/** Sleeps; the signal ends it early, with its reason. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return waitFor(
    resolve => {
      const timer = setTimeout(resolve, ms)
      return () => clearTimeout(timer)
    },
    { signal },
  )
}
