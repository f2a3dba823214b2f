import { raceSignal } from 'race-signal'

/**
 * Lets a quorum's worth of nodes take slivers first: with one uplink shared by all, everybody would otherwise be done
 * only at the very end, and the certificate would wait for bytes that it does not need.
 */
export interface QuorumGate {
  /** A node's place; nodes come in the order in which they first ask. */
  turn(weight: number): Turn
  /** Lets everyone in, for good. */
  open(): void
}

export interface Turn {
  /** Resolves when it is this node's turn; at once when it has come before. Rejects with the signal's reason. */
  come(signal: AbortSignal): Promise<void>
  /** The node will not confirm: the next one takes its place. */
  giveUp(): void
}

interface Place {
  weight: number
  state: 'waiting' | 'inside' | 'gone'
  admitted: PromiseWithResolvers<void>
}

/** Opens by itself `holdMs` after the first asked, so that nodes that stall do not hold up those that wait behind them. */
export function createQuorumGate(quorumWeight: number, holdMs: number): QuorumGate {
  const waiting: Place[] = []
  let inside = 0
  let opened = false
  let timer: NodeJS.Timeout | undefined

  const admit = (): void => {
    while (waiting.length > 0 && (opened || inside < quorumWeight)) {
      const place = waiting.shift() as Place
      place.state = 'inside'
      inside += place.weight
      place.admitted.resolve()
    }
  }
  const open = (): void => {
    clearTimeout(timer)
    opened = true
    admit()
  }
  return {
    open,
    turn(weight) {
      let place: Place | undefined
      return {
        async come(signal) {
          if (place === undefined) {
            timer ??= setTimeout(open, holdMs).unref()
            place = { weight, state: 'waiting', admitted: Promise.withResolvers() }
            waiting.push(place)
            admit()
          }
          if (place.state === 'inside') return
          await raceSignal(place.admitted.promise, signal)
        },
        giveUp() {
          if (place?.state === 'waiting') waiting.splice(waiting.indexOf(place), 1)
          if (place?.state === 'inside') inside -= weight
          if (place !== undefined) place.state = 'gone'
          admit()
        },
      }
    },
  }
}
