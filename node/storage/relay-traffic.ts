import type { Clock } from '../../base/clock.ts'
import type { Bandwidth } from '../../protocols/index.ts'
import type { RelayScores } from '../network/circuit/relay-scores.ts'

const LOOK_MS = 10_000
const PREFIX = 'relay '

/** Tells the scores how much moves over each relay, and has them kept. The result ends it, with what was not kept yet. */
export function scoreTraffic(
  scores: Pick<RelayScores, 'moved' | 'flush'>,
  bandwidth: Pick<Bandwidth, 'traffic'>,
  clock: Clock,
): () => Promise<void> {
  const timer = clock.every(LOOK_MS, () => {
    const rates = new Map<string, number>()
    for (const { path, up, down } of bandwidth.traffic()) {
      if (!path.startsWith(PREFIX)) continue
      const relay = path.slice(PREFIX.length)
      rates.set(relay, (rates.get(relay) ?? 0) + up.bytesPerSecond + down.bytesPerSecond)
    }
    for (const [relay, rate] of rates) scores.moved(relay, rate)
    scores.flush()
  })
  return async () => {
    timer.stop()
    scores.flush()
  }
}
