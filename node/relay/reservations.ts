import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import type { CircuitReason } from '../../protocols/index.ts'
import type { Guest } from './access.ts'
import type { RelayLimits } from './limits.ts'

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
  /** A stranger's place was given to a member. */
  displaced: (reservation: Reservation) => void
  clock: Pick<Clock, 'monotonic'>
}

/** The places of a relay. Each ends with the connection that it was asked for on. */
export interface Reservations {
  /** Makes one, or renews it; or why not. */
  reserve(peer: string, address: string, connection: Connection): Reservation | CircuitReason
  of(peer: string): Reservation | undefined
  /** The connection is over, and a reservation on it. */
  ended(connection: Pick<Connection, 'id' | 'remotePeer'>): void
  /** Ends those, with their connections, whose peer may use the relay no more. */
  endDenied(mayStay: (guest: Guest) => boolean): void
  readonly size: number
  all(): Iterable<Reservation>
}

export function createReservations({ limits, isMember, displaced, clock }: ReservationsInit): Reservations {
  const places = new Map<string, Reservation>()
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
      return made
    },
    of(peer) {
      const found = places.get(peer)
      return found?.connection.status === 'open' ? found : undefined
    },
    ended({ id, remotePeer }) {
      const peer = remotePeer.toString()
      if (places.get(peer)?.connection.id === id) places.delete(peer)
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
