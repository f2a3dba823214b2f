import { Countdown, type Deadline, deadline, StallWatch } from './deadline.ts'
import { systemTimers, type Timer, type TimerOptions, type Timers } from './timers.ts'
import { settlesWithin, sleep } from './wait.ts'

/**
 * The time of a service. A service is given one and asks nobody else, so that a test or a simulation can let hours pass
 * in a moment and repeat a run exactly.
 */
export class Clock implements Timers {
  readonly #timers: Timers

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** ms since 1970, as people and chains count; it may jump */
  now(): number {
    return this.#timers.now()
  }

  /** ms since some moment, never going back: for how long something took */
  monotonic(): number {
    return this.#timers.monotonic()
  }

  /** Calls `act` once, `ms` from now. */
  after(ms: number, act: () => void, options?: TimerOptions): Timer {
    return this.#timers.after(ms, act, options)
  }

  /** Calls `act` every `ms` until it is stopped; does not keep the process alive. */
  every(ms: number, act: () => void): Timer {
    let timer: Timer
    const next = (): void => {
      timer = this.#timers.after(
        ms,
        () => {
          next()
          act()
        },
        { background: true },
      )
    }
    next()
    return { stop: () => timer.stop() }
  }

  /** Rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(ms, signal, this.#timers)
  }

  /** Whether the promise is fulfilled within `ms`. Rejects as it does when that comes first. */
  settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
    return settlesWithin(promise, ms, this.#timers)
  }

  /** Calls `onEnd` after `ms` in which this process did not stand still. */
  countdown(ms: number, onEnd: () => void): Countdown {
    return new Countdown(ms, onEnd, this.#timers)
  }

  /** A limit on a wait for others: of `ms` without our own stalls. It ends with any of the signals as well. */
  deadline(ms: number, signals?: readonly (AbortSignal | undefined)[], reason?: () => unknown): Deadline {
    return deadline(ms, signals, reason, this.#timers)
  }

  /** Tells whether this process stood still from now on. */
  stallWatch(): StallWatch {
    return new StallWatch(this.#timers)
  }
}

/** The machine's own. Only what starts a program names it; services are given their clock. */
export const systemClock = new Clock(systemTimers)
