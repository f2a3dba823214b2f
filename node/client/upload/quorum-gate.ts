import { raceSignal } from 'race-signal'
import type { Clock } from '../../../base/clock.ts'
import type { Timer } from '../../../base/timers.ts'

/**
 * Lets a quorum's worth of nodes take slivers first: with one uplink shared by all, everybody would otherwise be done
 * only at the very end, and the certificate would wait for bytes that it does not need.
 */
export interface QuorumGate {
  /** For one attempt of a node; nodes are admitted in the order in which they first ask. */
  admission(weight: number): Admission
  /** Lets everyone in, for good. */
  open(): void
}

export interface Admission {
  /** Resolves when the node is let in; at once when it was before. Rejects with the signal's reason. */
  wait(signal: AbortSignal): Promise<void>
  /** The node will not confirm: the next one is let in instead. */
  withdraw(): void
}

interface Candidate {
  weight: number
  state: 'waiting' | 'admitted' | 'withdrawn'
  admitted: PromiseWithResolvers<void>
}

/** Opens by itself `holdMs` after the first asked, so that nodes that stall do not hold up those that wait behind them. */
export function createQuorumGate({
  quorumWeight,
  holdMs,
  clock,
}: {
  quorumWeight: number
  holdMs: number
  clock: Clock
}): QuorumGate {
  const waiting: Candidate[] = []
  let admittedWeight = 0
  let opened = false
  let timer: Timer | undefined

  const admit = (): void => {
    while (waiting.length > 0 && (opened || admittedWeight < quorumWeight)) {
      const candidate = waiting.shift()!
      candidate.state = 'admitted'
      admittedWeight += candidate.weight
      candidate.admitted.resolve()
    }
  }
  const open = (): void => {
    timer?.stop()
    opened = true
    admit()
  }
  return {
    open,
    admission(weight) {
      let candidate: Candidate | undefined
      return {
        async wait(signal) {
          if (candidate === undefined) {
            timer ??= clock.after(holdMs, open, { background: true })
            candidate = { weight, state: 'waiting', admitted: Promise.withResolvers() }
            waiting.push(candidate)
            admit()
          }
          if (candidate.state === 'admitted') return
          await raceSignal(candidate.admitted.promise, signal)
        },
        withdraw() {
          if (candidate?.state === 'waiting') waiting.splice(waiting.indexOf(candidate), 1)
          if (candidate?.state === 'admitted') admittedWeight -= weight
          if (candidate !== undefined) candidate.state = 'withdrawn'
          admit()
        },
      }
    },
  }
}
