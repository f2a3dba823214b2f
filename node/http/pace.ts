import type { Clock } from '../../base/clock.ts'

/** How fast bytes have moved of late. */
export interface Pace {
  moved(bytes: number): void
  /** Over the last one or two windows; without end before the first has passed, as nothing can be told then. */
  bytesPerSecond(): number
}

export interface PaceOptions {
  windowMs: number
  clock: Pick<Clock, 'monotonic'>
}

export function createPace({ windowMs, clock }: PaceOptions): Pace {
  const now = () => clock.monotonic()
  const beganMs = now()
  let sinceMs = beganMs
  let previous = 0
  let current = 0
  const turn = (): void => {
    const windows = Math.floor((now() - sinceMs) / windowMs)
    if (windows === 0) return
    previous = windows === 1 ? current : 0
    current = 0
    sinceMs += windows * windowMs
  }
  return {
    moved(bytes) {
      turn()
      current += bytes
    },
    bytesPerSecond() {
      turn()
      if (sinceMs === beganMs) return Number.POSITIVE_INFINITY
      return ((previous + current) * 1000) / (now() - sinceMs + windowMs)
    },
  }
}
