import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { LruMap } from '../../base/lru-map.ts'
import { createPlaces } from '../../base/places.ts'
import { waitFor } from '../../base/wait.ts'
import type { CircuitReason } from '../../protocols/index.ts'
import type { Guest } from './access.ts'
import { RELAY, type RelayLimits } from './limits.ts'

/** A peer that may be called. */
export interface Reservation {
  readonly peer: string
  /** IP address (IPv6: /64) that it counts for */
  readonly address: string
  readonly connection: Connection
  /** circuits to it that are open */
  circuits: number
  /** when its last circuit ended, or it was made; monotonic ms */
  idleSince: number
}

export interface ReservationsInit {
  limits: () => Pick<RelayLimits, 'reservations' | 'reservationsPerAddress'>
  isMember: (peer: string) => boolean
  /** whether it is worth to wait for that peer */
  mayBeMember: (peer: string) => boolean
  /** A stranger's place was given to a member. */
  displaced: (reservation: Reservation) => void
  clock: Pick<Clock, 'monotonic' | 'deadline'>
}

/** The places of a relay. Each ends with the connection that it was asked for on. */
export interface Reservations {
  /** Makes one, or renews it; or why not. */
  reserve(peer: string, address: string, connection: Connection): Reservation | CircuitReason
  of(peer: string): Reservation | undefined
  /**
   * Resolves once a member is there that lost its place a moment ago, or may have had one before the relay was started; at once for others,
   * and when it does not come back in time. `address`: who waits. False: too many wait already. Rejects with the signal's reason.
   */
  cameBack(peer: string, address: string, signal?: AbortSignal): Promise<boolean>
  /** The connection is over, and a reservation on it. */
  ended(connection: Pick<Connection, 'id' | 'remotePeer'>): void
  /** Ends those, with their connections, whose peer may use the relay no more. */
  endDenied(mayStay: (guest: Guest) => boolean): void
  readonly size: number
  all(): Iterable<Reservation>
}

/** Members that are away for a moment, and who waits for them. */
function createAbsent(
  mayBeMember: (peer: string) => boolean,
  clock: ReservationsInit['clock'],
): {
  left(peer: string): void
  came(peer: string): void
  cameBack(peer: string, address: string, isLeaving: boolean, signal?: AbortSignal): Promise<boolean>
} {
  const startedAt = clock.monotonic()
  const leftAt = new LruMap<string, number>(RELAY.remembered)
  const awaiting = new Set<(peer: string) => void>()
  const waits = createPlaces()
  return {
    left: peer => void leftAt.set(peer, clock.monotonic()),
    came(peer) {
      for (const came of awaiting) came(peer)
    },
    async cameBack(peer, address, isLeaving, signal) {
      const now = clock.monotonic()
      const goneSince = isLeaving ? now : (leftAt.get(peer) ?? startedAt)
      const leftMs = goneSince + RELAY.comesBackMs - now
      if (leftMs <= 0 || !mayBeMember(peer)) return true
      const leave = waits.take(RELAY.awaiting, [
        [`address ${address}`, RELAY.awaitingPerAddress],
        [`peer ${peer}`, RELAY.awaitingPerPeer],
      ])
      if (leave === undefined) return false
      try {
        using limit = clock.deadline(leftMs, [signal])
        await waitFor(resolve => {
          const came = (one: string): void => {
            if (one === peer) resolve()
          }
          awaiting.add(came)
          return () => awaiting.delete(came)
        }, limit.signal).catch(() => signal?.throwIfAborted())
      } finally {
        leave()
      }
      return true
    },
  }
}

export function createReservations({
  limits,
  isMember,
  mayBeMember,
  displaced,
  clock,
}: ReservationsInit): Reservations {
  const places = new Map<string, Reservation>()
  const absent = createAbsent(mayBeMember, clock)
  const strangers = () => [...places.values()].filter(({ peer }) => !isMember(peer))

  /** `known`: one of its own, which is to be of another connection. */
  function makeRoom(
    peer: string,
    address: string,
    known: Reservation | undefined,
  ): CircuitReason | undefined {
    const { reservations, reservationsPerAddress } = limits()
    // also of one that moves: else two addresses would be enough for all places
    if (!isMember(peer) && known?.address !== address) {
      const ofAddress = strangers().filter(one => one.address === address).length
      if (ofAddress >= reservationsPerAddress) return 'address'
    }
    if (known !== undefined || places.size < reservations) return undefined
    if (!isMember(peer)) return 'full'
    const idle = strangers()
      .filter(({ circuits }) => circuits === 0)
      .sort((a, b) => a.idleSince - b.idleSince)
    const [longest] = idle
    if (longest === undefined) return 'full'
    places.delete(longest.peer)
    displaced(longest)
    return undefined
  }

  return {
    reserve(peer, address, connection) {
      const known = places.get(peer)
      // the same peer on another connection: it has come back before the old one was noticed to be gone
      if (known?.connection.id === connection.id) return known
      const reason = makeRoom(peer, address, known)
      if (reason !== undefined) return reason
      const made: Reservation = { peer, address, connection, circuits: 0, idleSince: clock.monotonic() }
      places.set(peer, made)
      absent.came(peer)
      return made
    },
    of(peer) {
      const found = places.get(peer)
      return found?.connection.status === 'open' ? found : undefined
    },
    // one whose connection is just closing is leaving now
    cameBack: (peer, address, signal) => absent.cameBack(peer, address, places.has(peer), signal),
    ended({ id, remotePeer }) {
      const peer = remotePeer.toString()
      if (places.get(peer)?.connection.id !== id) return
      places.delete(peer)
      absent.left(peer)
    },
    endDenied(mayStay) {
      for (const { peer, connection } of [...places.values()]) {
        if (mayStay(connection)) continue
        places.delete(peer)
        connection.abort(new Error('the relay is not for it any more'))
      }
    },
    get size() {
      return places.size
    },
    all: () => places.values(),
  }
}
