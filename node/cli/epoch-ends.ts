import type { EpochTiming } from '../../chain/types/index.ts'
import type { Epoch } from '../../codec/types.ts'
import { formatDuration } from './text.ts'

/**
 * When an epoch that is yet to come begins at the earliest, by the chain's clock: ms since 1970. While shards are moving, the
 * present epoch has not begun to count, and nobody knows when it will.
 */
export function beginsAtMs({ epoch, nowMs, durationMs, changeDueMs }: EpochTiming, coming: Epoch): number {
  return (changeDueMs ?? nowMs + durationMs) + (coming - epoch - 1) * durationMs
}

/** `in about 5 h`, by the chain's clock. */
export function beginsIn(timing: EpochTiming, coming: Epoch): string {
  const leftMs = beginsAtMs(timing, coming) - timing.nowMs
  return leftMs <= 0 ? 'due now' : `in about ${formatDuration(leftMs)}`
}
