import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { type Bandwidth, type BandwidthLimits, createBandwidth } from '../../protocols/index.ts'
import type { NodeMetrics } from '../metrics.ts'
import { type NodeRecords, putMonth } from './store/node-records.ts'

export interface LineComponents {
  records: Pick<NodeRecords, 'month' | 'commit'>
  metrics: Pick<NodeMetrics, 'line'>
  clock: Clock
  log: Log
}

/** What a crash may forget of the month. */
const SAVE_MS = 60_000

/** The line of a node, whose month goes on through restarts. */
export async function openLine(
  { records, metrics, clock, log }: LineComponents,
  limits: BandwidthLimits | undefined,
): Promise<{ bandwidth: Bandwidth; close(): Promise<void> }> {
  const kept = await records.month()
  const bandwidth = createBandwidth({ limits, kept, clock })
  let saved = kept
  let saving = Promise.resolve()
  const save = (): Promise<void> => {
    const count = bandwidth.month()
    if (count.bytes === saved?.bytes && count.month === saved.month) return saving
    saving = saving
      .then(() => records.commit([putMonth(count)], { sync: false }))
      .then(() => {
        saved = count
      })
      // a disk that is full: the next time will do
      .catch(error => log.warn({ err: error }, 'the bytes of the month were not kept'))
    return saving
  }
  const timer = clock.every(SAVE_MS, () => void save())
  metrics.line(bandwidth.view)
  return {
    bandwidth,
    async close() {
      timer.stop()
      metrics.line(undefined)
      bandwidth.close()
      await save()
    },
  }
}
