import type { CircuitReason } from '../../protocols/index.ts'

/** What a relay has done since it was first started. Kept on disk. */
export interface RelayCounts {
  /** reservations and circuits that were granted */
  reservations: number
  circuits: number
  /** members at one end, or strangers at both */
  bytes: { members: number; strangers: number }
  /** how often a source had to rest */
  pauses: number
  refused: Partial<Record<CircuitReason, number>>
}

export const noCounts = (): RelayCounts => ({
  reservations: 0,
  circuits: 0,
  bytes: { members: 0, strangers: 0 },
  pauses: 0,
  refused: {},
})
