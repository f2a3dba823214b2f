import { beginsAtMs } from '../../chain/index.ts'
import type { EpochTiming } from '../../chain/types/index.ts'
import type { Epoch } from '../../codec/types.ts'
import { formatDuration } from './text.ts'

/** `in about 5 h`, by the chain's clock. */
export function beginsIn(timing: EpochTiming, coming: Epoch): string {
  const leftMs = beginsAtMs(timing, coming) - timing.nowMs
  return leftMs <= 0 ? 'due now' : `in about ${formatDuration(leftMs)}`
}
