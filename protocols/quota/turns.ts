import { createPacing, type LineRates } from './pacing.ts'

/** What waits to move: a piece of a transfer, no longer than a turn. */
export interface Waiting {
  /** libp2p PeerId as text, or who else it counts for */
  peer: string
  bytes: number
  /** a message rather than a piece of a body */
  small: boolean
}

/** One direction of a node's line: whose turn it is, and when. Times are in ms of one clock that never goes back. */
export interface Turns<W extends Waiting> {
  readonly waiting: number
  /** Bytes of one piece at most, at the rates of now. */
  pieceBytes(): number
  add(waiting: W): void
  /** It waits no longer. */
  remove(waiting: W): void
  /** Takes out who may move now; or how many ms nobody may; or nothing when nobody waits. */
  next(nowMs: number): W | { waitMs: number } | undefined
}

/** Pieces are so short that what is one too many in a second does not show. */
const TURNS_PER_SECOND = 32

/**
 * Peers take turns, one piece each, so that one with many streams gets no more than one with a single stream; messages and
 * pieces of bodies take turns as well while both wait, so that a confirmation does not stand behind a queue of slivers. No
 * more than `total` moves within any second, nor more than `perPeer` of any peer.
 */
export function createTurns<W extends Waiting>(rates: () => LineRates): Turns<W> {
  const queues = { small: new Map<string, W[]>(), large: new Map<string, W[]>() }
  const pacing = createPacing(rates)
  let waiting = 0
  let lastSmall = false

  const queueOf = ({ small }: W): Map<string, W[]> => (small ? queues.small : queues.large)

  /** The first whose peer may move; else when the first of them may. */
  function firstOf(queue: Map<string, W[]>, now: number): W | number {
    let soonest = Number.POSITIVE_INFINITY
    for (const [peer, mine] of queue) {
      const freeAt = pacing.peerFreeAt(peer) ?? now
      if (freeAt > now) {
        soonest = Math.min(soonest, freeAt)
        continue
      }
      const who = mine.shift()!
      // the others are before this peer now
      queue.delete(peer)
      if (mine.length > 0) queue.set(peer, mine)
      return who
    }
    return soonest
  }

  return {
    get waiting() {
      return waiting
    },
    pieceBytes() {
      const { total, perPeer } = rates()
      return Math.max(1, Math.floor(Math.min(total, perPeer) / TURNS_PER_SECOND))
    },
    add(who) {
      const queue = queueOf(who)
      const mine = queue.get(who.peer)
      if (mine === undefined) queue.set(who.peer, [who])
      else mine.push(who)
      waiting++
    },
    remove(who) {
      const queue = queueOf(who)
      const mine = queue.get(who.peer) ?? []
      const at = mine.indexOf(who)
      if (at < 0) return
      mine.splice(at, 1)
      if (mine.length === 0) queue.delete(who.peer)
      waiting--
    },
    next(now) {
      if (waiting === 0) return undefined
      pacing.adapt(now)
      if (pacing.freeAt > now) return { waitMs: pacing.freeAt - now }
      const [first, second] = lastSmall ? [queues.large, queues.small] : [queues.small, queues.large]
      let soonest = Number.POSITIVE_INFINITY
      for (const queue of [first, second]) {
        const found = firstOf(queue, now)
        if (typeof found !== 'number') {
          waiting--
          lastSmall = found.small
          pacing.moved(found.peer, found.bytes, now)
          return found
        }
        soonest = Math.min(soonest, found)
      }
      return { waitMs: soonest - now }
    },
  }
}
