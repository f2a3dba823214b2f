import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { LruMap } from '../../base/lru-map.ts'
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
   * Resolves once a peer is there that lost its place a moment ago, or may have had one before the relay was started; at once for others,
   * and when it does not come back in time. Rejects with the signal's reason.
   */
  cameBack(peer: string, signal?: AbortSignal): Promise<void>
  /** The connection is over, and a reservation on it. */
  ended(connection: Pick<Connection, 'id' | 'remotePeer'>): void
  /** Ends those, with their connections, whose peer may use the relay no more. */
  endDenied(mayStay: (guest: Guest) => boolean): void
  readonly size: number
  all(): Iterable<Reservation>
}

export function createReservations({ limits, isMember, displaced, clock }: ReservationsInit): Reservations {
  const places = new Map<string, Reservation>()
  const startedAt = clock.monotonic()
  const leftAt = new LruMap<string, number>(RELAY.remembered)
  const awaiting = new Set<(peer: string) => void>()
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
      for (const came of awaiting) came(peer)
      return made
    },
    of(peer) {
      const found = places.get(peer)
      return found?.connection.status === 'open' ? found : undefined
    },
    async cameBack(peer, signal) {
      // one whose connection is just closing is leaving now
      const now = clock.monotonic()
      const goneSince = places.has(peer) ? now : (leftAt.get(peer) ?? startedAt)
      const leftMs = goneSince + RELAY.comesBackMs - now
      if (leftMs <= 0) return
      using limit = clock.deadline(leftMs, [signal])
      await waitFor(resolve => {
        const came = (one: string): void => {
          if (one === peer) resolve()
        }
        awaiting.add(came)
        return () => awaiting.delete(came)
      }, limit.signal).catch(() => signal?.throwIfAborted())
    },
    ended({ id, remotePeer }) {
      const peer = remotePeer.toString()
      if (places.get(peer)?.connection.id !== id) return
      places.delete(peer)
      leftAt.set(peer, clock.monotonic())
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
