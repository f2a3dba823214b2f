import type { Log } from '../../../base/log.ts'
import type { ProtocolMetrics } from '../../../protocols/index.ts'

/** Swallows log lines. */
export const quietLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

export interface RecordedMetrics extends ProtocolMetrics {
  readonly outcomes: string[]
  readonly moved: Record<string, number>
}

/** Remembers outcomes as `protocol outcome`, and bytes by `protocol direction`. */
export function recordMetrics(): RecordedMetrics {
  const outcomes: string[] = []
  const moved: Record<string, number> = {}
  return {
    outcomes,
    moved,
    request: (protocol, outcome) => void outcomes.push(`${protocol} ${outcome}`),
    bytes(protocol, direction, bytes) {
      const key = `${protocol} ${direction}`
      moved[key] = (moved[key] ?? 0) + bytes
    },
  }
}
