import type { EpochTiming, Parameters } from '../../../chain/types/index.ts'

/** The round of now, by the contract's rules; times are the chain's, ms since 1970. */
export interface RoundDue {
  round: number
  /** From when on it may be opened; with `jitter`, 0 to 1, a little later. */
  openMs(jitter: number): number
  /** until then it may be opened, and nodes commit */
  commitUntilMs: number
}

const ALL_BASIS_POINTS = 10_000
/** Of the time in which a round may be opened, how much of it is spread among nodes. */
const SPREAD = 0.1

/** @param timing of an epoch whose change is done */
export function roundDue(
  { state, durationMs, nowMs }: EpochTiming,
  { rounds, openFrom, commitUntil }: Pick<Parameters, 'rounds' | 'openFrom' | 'commitUntil'>,
): RoundDue {
  const sinceMs = state.kind === 'sync' ? nowMs : state.sinceMs
  const lengthMs = Math.floor(durationMs / rounds)
  const round = Math.min(rounds - 1, Math.max(0, Math.floor((nowMs - sinceMs) / lengthMs)))
  const at = (share: number): number =>
    sinceMs + round * lengthMs + Math.floor((lengthMs * share) / ALL_BASIS_POINTS)
  const spreadMs = (at(commitUntil) - at(openFrom)) * SPREAD
  return { round, openMs: jitter => at(openFrom) + jitter * spreadMs, commitUntilMs: at(commitUntil) }
}
