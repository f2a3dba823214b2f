import { systemTimers } from './timers.ts'

/**
 * A promise that a signal can end as well, with its own reason, and that leaves no listener behind. `arm` gets the two ways
 * to settle it and returns what undoes its own listeners.
 */
export function waitFor(
  arm: (resolve: () => void, reject: (error: unknown) => void) => () => void,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason)
  return new Promise<void>((resolve, reject) => {
    let settled = false
    let disarm: (() => void) | undefined
    const settle = (act: () => void): void => {
      settled = true
      signal?.removeEventListener('abort', onAbort)
      disarm?.()
      act()
    }
    const onAbort = (): void => settle(() => reject(signal?.reason))
    signal?.addEventListener('abort', onAbort, { once: true })
    disarm = arm(
      () => settle(resolve),
      error => settle(() => reject(error)),
    )
    if (settled) disarm()
  })
}

/** Calls `act` when the signal aborts, at once when it has, until what is returned is disposed of. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): Disposable {
  if (signal?.aborted) act()
  else signal?.addEventListener('abort', act, { once: true })
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', act) }
}

/** A signal that aborts as the given one does for as long as it is needed: what was made with it lives on afterwards. */
export function signalWhile(signal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const inner = new AbortController()
  const listening = onAbort(signal, () => inner.abort(signal.reason))
  return { signal: inner.signal, [Symbol.dispose]: () => listening[Symbol.dispose]() }
}

/** Sleeps; rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal, timers = systemTimers): Promise<void> {
  return waitFor(resolve => {
    const timer = timers.after(ms, resolve)
    return () => timer.stop()
  }, signal)
}

/** Whether the promise is fulfilled within `ms`. Rejects as it does when that comes first. */
export async function settlesWithin(
  promise: Promise<unknown>,
  ms: number,
  timers = systemTimers,
): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = timers.after(ms, () => resolve(false))
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    timer.stop()
  }
}

/** A signal that aborts with any of these; undefined ones are left out. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter(signal => signal !== undefined))
}
