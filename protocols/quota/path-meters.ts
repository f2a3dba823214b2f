import type { Clock } from '../../base/clock.ts'
import { createDecayingRate, type DecayingRate } from '../../base/decaying-rate.ts'
import { LruMap } from '../../base/lru-map.ts'
import type { Direction } from './bandwidth.ts'

/** What moved between this node and a peer on one path: `direct`, or `relay` and the relay's PeerId. */
export interface PathTraffic {
  /** PeerId, or whoever else it counts for */
  peer: string
  path: string
  /** as seen from the node */
  up: { bytes: number; bytesPerSecond: number }
  down: { bytes: number; bytesPerSecond: number }
}

/** Counts what moves by peer and path. */
export interface PathMeters {
  /** Counts for that peer and path, direct when absent, what the result is told. */
  of(peer: string, path?: string): (direction: Direction, bytes: number) => void
  /** of the peers that were there last, those that move most first */
  view(): PathTraffic[]
  /** bytes of all, also of those that are forgotten */
  totals(): Record<'direct' | 'relayed', Record<Direction, number>>
}

/** The path of whoever is reached over no relay. */
const DIRECT = 'direct'
/** Peers and paths that are remembered: PeerIds cost nothing. */
const REMEMBERED = 256
/** and told of */
const TOLD = 32

interface Meter {
  readonly peer: string
  readonly path: string
  readonly bytes: Record<Direction, number>
  readonly rates: Record<Direction, DecayingRate>
}

export function createPathMeters(clock: Pick<Clock, 'monotonic'>): PathMeters {
  const meters = new LruMap<string, Meter>(REMEMBERED)
  const totals = { direct: { up: 0, down: 0 }, relayed: { up: 0, down: 0 } }
  const make = (peer: string, path: string): Meter => ({
    peer,
    path,
    bytes: { up: 0, down: 0 },
    rates: { up: createDecayingRate(clock), down: createDecayingRate(clock) },
  })
  return {
    of(peer, path = DIRECT) {
      const name = `${peer} ${path}`
      const meter = meters.get(name) ?? make(peer, path)
      meters.set(name, meter)
      const total = totals[path === DIRECT ? 'direct' : 'relayed']
      return (direction, bytes) => {
        total[direction] += bytes
        meter.bytes[direction] += bytes
        meter.rates[direction].add(bytes)
      }
    },
    totals: () => structuredClone(totals),
    view() {
      const figures = (meter: Meter, direction: Direction) => ({
        bytes: meter.bytes[direction],
        bytesPerSecond: Math.round(meter.rates[direction].perSecond()),
      })
      const all = [...meters.values()].map(meter => ({
        peer: meter.peer,
        path: meter.path,
        up: figures(meter, 'up'),
        down: figures(meter, 'down'),
      }))
      const rate = ({ up, down }: PathTraffic): number => up.bytesPerSecond + down.bytesPerSecond
      const bytes = ({ up, down }: PathTraffic): number => up.bytes + down.bytes
      return all.sort((a, b) => rate(b) - rate(a) || bytes(b) - bytes(a)).slice(0, TOLD)
    },
  }
}
