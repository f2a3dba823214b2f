import type { Clock } from '../../../base/clock.ts'
import type { BlobLock } from '../blob-lock.ts'
import {
  type MissingRecord,
  type MissingUrgency,
  type NodeRecords,
  putMissing,
} from '../store/node-records.ts'

export interface RedateComponents {
  records: Pick<NodeRecords, 'due' | 'missingOf' | 'commit'>
  lock: Pick<BlobLock, 'exclusively'>
  clock: Pick<Clock, 'now'>
}

/** Notes that are read at a time. */
const SLICE = 128

/**
 * Puts right what was noted by a clock that was ahead and has been put back since: it would be looked for only when the clock
 * gets there again. `latestMs` is the longest that anything is put off.
 */
export async function redateAhead(
  { records, lock, clock }: RedateComponents,
  urgency: MissingUrgency,
  latestMs: number,
  signal: AbortSignal,
): Promise<void> {
  const isAhead = ({ sinceMs, nextMs = 0 }: MissingRecord): boolean =>
    sinceMs > clock.now() || nextMs > clock.now() + latestMs
  for (let after: string | undefined; ; ) {
    signal.throwIfAborted()
    const slice = await records.due({ urgency, after, limit: SLICE })
    for (const { blobId, dueMs } of slice) {
      if (dueMs <= clock.now()) continue
      await lock.exclusively(blobId, async () => {
        const record = await records.missingOf(blobId)
        if (record === undefined || !isAhead(record)) return
        const { nextMs: _, ...rest } = record
        await records.commit([putMissing(blobId, { ...rest, sinceMs: clock.now() })], { sync: false })
      })
    }
    if (slice.length < SLICE) return
    after = slice.at(-1)!.key
  }
}
