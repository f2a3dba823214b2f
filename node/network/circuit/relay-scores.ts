import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { LruMap } from '../../../base/lru-map.ts'
import type { RelayCall } from './transport.ts'

/** Where scores are kept for the next start; nothing needs to be waited for. */
export interface RelayScoreStorage {
  load(): AsyncIterable<readonly [relay: string, score: Uint8Array]>
  /** Must not throw. */
  put(relay: string, score: Uint8Array): void
  delete(relay: string): void
}

/** How good relays have been to this peer: by what it has seen itself, and nobody else's word. */
export interface RelayScores {
  /** A reservation was granted. `load`: of the relay's bytes per second, 0 to 1 */
  reserved(relay: string, seen: { latencyMs: number; load: number | undefined }): void
  /** A peer was called over it, or nobody was reached for a reason of its own. A reservation's latency is the better word. */
  called(relay: string, call: RelayCall): void
  /** A reservation was not granted. */
  failed(relay: string): void
  /** So much moved over it. */
  moved(relay: string, bytesPerSecond: number): void
  /** ms that a sliver over it takes, failures counted: the lower the better; undefined of one that was never used. */
  of(relay: string): number | undefined
  /** Keeps what is not kept yet. */
  flush(): void
}

/** What is kept of one relay. */
interface Score {
  latencyMs: number | undefined
  /** of calls over it, the newest counting most */
  callMs: number | undefined
  load: number | undefined
  /** the most that was seen lately */
  bytesPerSecond: number | undefined
  rateAt: number
  /** fewer with time */
  failures: number
  failedAt: number
}

/** Relays that are remembered: those of a network, many times over. */
const REMEMBERED = 256
/** A failure costs a reader a second, and half of it is forgotten in each half-life. */
const FAILURE_MS = 1_000
const FAILURE_HALF_LIFE_MS = 600_000
const MAX_FAILURES = 64
/** of one of which nothing but failures is known */
const UNKNOWN_LATENCY_MS = 500
/** The most that moved counts for so long: less may have been wanted since. */
const RATE_HOLDS_MS = 3_600_000
/** What moves slower says nothing of the relay. */
const LEAST_RATE = 64 * 1024
const SLIVER_BYTES = 256 * 1024
/** A relay has this rate until more was seen of it: over one of which no more was wanted no more moves. */
const USUAL_RATE = 1024 * 1024

export interface RelayScoresInit {
  clock: Pick<Clock, 'now'>
  /** nowhere when absent */
  storage?: RelayScoreStorage | undefined
}

export function createRelayScores(init: RelayScoresInit): RelayScores {
  return new Scores(init)
}

/** Scores that begin with those of the last run; what of them is none is dropped. */
export async function restoreRelayScores(
  init: RelayScoresInit & { storage: RelayScoreStorage; log: Pick<Log, 'warn'> },
): Promise<RelayScores> {
  const scores = new Scores(init)
  try {
    for await (const [relay, bytes] of init.storage.load()) scores.restore(relay, bytes)
  } catch (err) {
    init.log.warn({ err }, 'how relays were could not all be read; it is seen again')
  }
  return scores
}

class Scores implements RelayScores {
  readonly #init: RelayScoresInit
  readonly #scores = new LruMap<string, Score>(REMEMBERED)
  readonly #changed = new Set<string>()

  constructor(init: RelayScoresInit) {
    this.#init = init
  }

  restore(relay: string, bytes: Uint8Array): void {
    const score = decode(bytes)
    if (score === undefined || this.#scores.size >= REMEMBERED) this.#init.storage?.delete(relay)
    else this.#scores.set(relay, score)
  }

  reserved(relay: string, { latencyMs, load }: { latencyMs: number; load: number | undefined }): void {
    this.#change(relay, score => Object.assign(score, { latencyMs, load }))
  }

  called(relay: string, call: RelayCall): void {
    if (call === 'failed') this.failed(relay)
    else
      this.#change(relay, score => {
        score.callMs = score.callMs === undefined ? call.tookMs : (score.callMs + call.tookMs) / 2
      })
  }

  failed(relay: string): void {
    this.#change(relay, score => {
      score.failures = Math.min(MAX_FAILURES, this.#failuresOf(score) + 1)
      score.failedAt = this.#init.clock.now()
    })
  }

  moved(relay: string, bytesPerSecond: number): void {
    if (bytesPerSecond < LEAST_RATE) return
    const now = this.#init.clock.now()
    this.#change(relay, score => {
      if (this.#rateHolds(score) && bytesPerSecond <= (score.bytesPerSecond ?? 0)) return
      Object.assign(score, { bytesPerSecond, rateAt: now })
    })
  }

  of(relay: string): number | undefined {
    const score = this.#scores.get(relay)
    if (score === undefined) return undefined
    const { callMs = UNKNOWN_LATENCY_MS, latencyMs = callMs, load = 0, bytesPerSecond = 0 } = score
    const rate = Math.max(USUAL_RATE, this.#rateHolds(score) ? bytesPerSecond : 0)
    return latencyMs * (1 + 4 * load) + (SLIVER_BYTES / rate) * 1_000 + FAILURE_MS * this.#failuresOf(score)
  }

  #rateHolds({ rateAt }: Score): boolean {
    return Math.abs(this.#init.clock.now() - rateAt) < RATE_HOLDS_MS
  }

  flush(): void {
    for (const relay of this.#changed) {
      const score = this.#scores.get(relay)
      if (score !== undefined) this.#init.storage?.put(relay, encode(score))
    }
    this.#changed.clear()
  }

  #change(relay: string, change: (score: Score) => void): void {
    const score = this.#scores.get(relay) ?? newScore()
    change(score)
    const pushedOut = this.#scores.set(relay, score)
    if (pushedOut !== undefined) {
      this.#changed.delete(pushedOut)
      this.#init.storage?.delete(pushedOut)
    }
    this.#changed.add(relay)
  }

  #failuresOf({ failures, failedAt }: Score): number {
    const passedMs = Math.max(0, this.#init.clock.now() - failedAt)
    return failures * 0.5 ** (passedMs / FAILURE_HALF_LIFE_MS)
  }
}

const newScore = (): Score => ({
  latencyMs: undefined,
  callMs: undefined,
  load: undefined,
  bytesPerSecond: undefined,
  rateAt: 0,
  failures: 0,
  failedAt: 0,
})

const encode = (score: Score): Uint8Array => new TextEncoder().encode(JSON.stringify(score))

function decode(bytes: Uint8Array): Score | undefined {
  try {
    const score = { ...newScore(), ...(JSON.parse(new TextDecoder().decode(bytes)) as Partial<Score>) }
    const isRight = Object.keys(newScore()).every(name => {
      const value = score[name as keyof Score]
      return value === undefined || (Number.isFinite(value) && value >= 0)
    })
    return isRight && score.failures <= MAX_FAILURES ? score : undefined
  } catch {
    return undefined
  }
}
