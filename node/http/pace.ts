/** How fast bytes have moved of late. */
export interface Pace {
  moved(bytes: number): void
  /** Over the last five to ten seconds; without end before five have passed, as nothing can be told then. */
  bytesPerSecond(): number
}

const WINDOW_MS = 5_000

export function createPace(now: () => number = () => performance.now()): Pace {
  const beganMs = now()
  let sinceMs = beganMs
  let previous = 0
  let current = 0
  const turn = (): void => {
    const windows = Math.floor((now() - sinceMs) / WINDOW_MS)
    if (windows === 0) return
    previous = windows === 1 ? current : 0
    current = 0
    sinceMs += windows * WINDOW_MS
  }
  return {
    moved(bytes) {
      turn()
      current += bytes
    },
    bytesPerSecond() {
      turn()
      if (sinceMs === beganMs) return Number.POSITIVE_INFINITY
      return ((previous + current) * 1000) / (now() - sinceMs + WINDOW_MS)
    },
  }
}
