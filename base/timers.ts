/** What a clock is made of; all other waits are built on it. */
export interface Timers {
  /** ms since 1970, as people and chains count; it may jump */
  now(): number
  /** ms since some moment, never going back: for how long something took */
  monotonic(): number
  /** Calls `act` once, `ms` from now. */
  after(ms: number, act: () => void, options?: TimerOptions): Timer
}

export interface TimerOptions {
  /** does not keep the process alive */
  background?: boolean
}

export interface Timer {
  /** It does not fire any more. Harmless afterwards. */
  stop(): void
}

/** The machine's own. */
export const systemTimers: Timers = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, act, { background = false } = {}) {
    const timer = setTimeout(act, ms)
    // a page's timers are numbers and keep nothing alive
    if (background && typeof timer === 'object') timer.unref()
    return { stop: () => clearTimeout(timer) }
  },
}
