/** In bytes per second; without end where there is no limit. */
export interface LineRates {
  total: number
  perPeer: number
}

/** When the next piece may move, of all and of each peer. Times are in ms of one clock that never goes back. */
export interface Pacing {
  /** of all */
  readonly freeAt: number
  /** undefined when the peer need not wait */
  peerFreeAt(peer: string): number | undefined
  /** Takes the rates of now. What was moved before is paid for at these: bytes are owed, not time. */
  adapt(nowMs: number): void
  moved(peer: string, bytes: number, nowMs: number): void
}

/** A timer that is late is made up for: otherwise every turn would be a ms or two longer. */
const SLACK_MS = 25
/**
 * What moves within any second is at most this share of the rate in the second and its slack, and one turn more: 15/16 of
 * 1.025, and 1/32, are less than 1.
 */
const SHARE = 15 / 16
/** Peers that were not heard of for longer than the slack are as good as new. */
const REMEMBERED = 1_000

export function createPacing(rates: () => LineRates): Pacing {
  const line: Pacer = { freeAt: Number.NEGATIVE_INFINITY }
  const pacers = new Map<string, Pacer>()
  let { total, perPeer } = rates()

  return {
    get freeAt() {
      return line.freeAt
    },
    peerFreeAt: peer => pacers.get(peer)?.freeAt,
    adapt(now) {
      const next = rates()
      if (next.total !== total) rescale(line, total / next.total, now)
      if (next.perPeer !== perPeer)
        for (const pacer of pacers.values()) rescale(pacer, perPeer / next.perPeer, now)
      total = next.total
      perPeer = next.perPeer
    },
    moved(peer, bytes, now) {
      take(line, bytes, total, now)
      if (perPeer === Number.POSITIVE_INFINITY) return
      const pacer = pacers.get(peer) ?? { freeAt: Number.NEGATIVE_INFINITY }
      take(pacer, bytes, perPeer, now)
      pacers.set(peer, pacer)
      if (pacers.size > REMEMBERED)
        for (const [peer, { freeAt }] of pacers) if (freeAt <= now - SLACK_MS) pacers.delete(peer)
    },
  }
}

interface Pacer {
  freeAt: number
}

function rescale(pacer: Pacer, factor: number, now: number): void {
  if (pacer.freeAt > now) pacer.freeAt = now + (pacer.freeAt - now) * factor
}

function take(pacer: Pacer, bytes: number, bytesPerSecond: number, now: number): void {
  pacer.freeAt = Math.max(pacer.freeAt, now - SLACK_MS) + (bytes / (bytesPerSecond * SHARE)) * 1_000
}
