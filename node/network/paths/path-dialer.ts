import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { raceSignal } from 'race-signal'
import type { Clock } from '../../../base/clock.ts'
import { createSemaphore } from '../../../base/semaphore.ts'
import {
  CLIENT,
  type Dialer,
  type PeerAddress,
  ProtocolError,
  peerDeadline,
} from '../../../protocols/index.ts'
import { DIALS } from '../limits.ts'
import { bestConnection, isBetter } from './best-connection.ts'
import { addressesOf, createAddressDialer, type DialingLibp2p } from './dial-address.ts'
import { pathKind } from './path-kind.ts'
import type { Puncher } from './punch/puncher.ts'
import { type OwnNetwork, rankPaths } from './rank-paths.ts'
import { type Attempt, stagger } from './stagger.ts'

export interface PathDialerInit {
  libp2p: DialingLibp2p
  clock: Clock
  /** dials under way at a time; a node's when absent */
  dials?: number
  /** what it is about this node that decides which addresses are tried; a private network's node when absent */
  own?: () => OwnNetwork
  /** multiaddrs of a peer beside those that are asked for: its signed record */
  known?: (peerId: string) => readonly string[]
  /** Asks others where a peer is, when it is at none of its addresses. */
  find?: (peerId: string, signal: AbortSignal) => Promise<readonly string[]>
  /** makes direct connections beside relayed ones */
  puncher?: Pick<Puncher, 'punch' | 'underWay'> | undefined
  /** A peer could not be dialled: it may have other addresses, or another key, by now. */
  unreachable?: () => void
}

/** A dial under way, for all who want that peer. */
interface Flight {
  readonly tried: ReadonlySet<string>
  readonly connection: Promise<Connection>
}

/**
 * Dials the addresses of a peer from all sources at once, staggered. Dials of one peer are one, and it goes on when those who wait
 * for it give up, until its own limits: the peer is likely to be asked again.
 */
export function createPathDialer(init: PathDialerInit): Dialer {
  return new PathDialer(init)
}

/** A dial that libp2p ended with somebody else's is made again so many times in all. */
const MAX_ENDED = 3

const PRIVATE_NETWORK: OwnNetwork = { outer: [], isPrivate: true }

class PathDialer implements Dialer {
  readonly #init: PathDialerInit
  readonly #addresses: ReturnType<typeof createAddressDialer>
  readonly #slots: ReturnType<typeof createSemaphore>
  readonly #closed = new AbortController()
  readonly #flights = new Map<string, Flight>()
  /** by the very object, which callers keep */
  readonly #ids = new WeakMap<PeerAddress, PeerId>()

  constructor(init: PathDialerInit) {
    this.#init = init
    this.#addresses = createAddressDialer(init.libp2p)
    this.#slots = createSemaphore(init.dials ?? DIALS.node)
  }

  async connect(peer: PeerAddress, signal?: AbortSignal, avoid?: Connection): Promise<Connection> {
    signal?.throwIfAborted()
    if (this.#closed.signal.aborted) throw new ProtocolError('CLOSED')
    const id = this.#idOf(peer)
    const usable = this.#init.libp2p.getConnections(id).filter(one => one !== avoid)
    const open = bestConnection(usable)
    const connection = open ?? (await this.#join(peer, id, signal))
    this.#punch(connection)
    return connection
  }

  async settle(peer: PeerAddress, signal?: AbortSignal): Promise<void> {
    const { remotePeer, direct } = await this.connect(peer, signal)
    const punch = direct ? undefined : this.#init.puncher?.underWay(remotePeer)
    if (punch === undefined) return
    const over = punch.catch(() => undefined)
    await raceSignal(this.#init.clock.settlesWithin(over, CLIENT.directWaitMs), signal)
  }

  onBetter(connection: Connection, listener: () => void): () => void {
    const { libp2p } = this.#init
    const onOpen = ({ detail }: CustomEvent<Connection>): void => {
      if (!detail.remotePeer.equals(connection.remotePeer) || !isBetter(detail, connection)) return
      stop()
      listener()
    }
    const stop = (): void => libp2p.removeEventListener('connection:open', onOpen)
    const best = bestConnection(libp2p.getConnections(connection.remotePeer))
    // it may have come since the caller has taken its own
    if (best !== undefined && isBetter(best, connection)) listener()
    else libp2p.addEventListener('connection:open', onOpen)
    return stop
  }

  close(): void {
    this.#closed.abort(new ProtocolError('CLOSED'))
  }

  /** A relayed connection is used: whoever has dialled it tries for a better one. When it may not yet, nothing happens. */
  #punch(connection: Connection): void {
    if (connection.direct || connection.direction !== 'outbound') return
    this.#init.puncher?.punch(connection).catch(() => undefined)
  }

  #idOf(peer: PeerAddress): PeerId {
    const known = this.#ids.get(peer)
    if (known !== undefined) return known
    try {
      const id = peerIdFromString(peer.peerId)
      this.#ids.set(peer, id)
      return id
    } catch (cause) {
      throw new ProtocolError('UNREACHABLE', { cause })
    }
  }

  async #join(peer: PeerAddress, id: PeerId, signal: AbortSignal | undefined): Promise<Connection> {
    for (;;) {
      const running = this.#flights.get(peer.peerId)
      const flight = running ?? this.#begin(peer, id)
      try {
        return await raceSignal(flight.connection, signal)
      } catch (error) {
        signal?.throwIfAborted()
        // somebody else's dial, of other addresses than ours
        if (running === undefined || peer.multiaddrs.every(one => flight.tried.has(one))) throw error
      }
    }
  }

  #begin(peer: PeerAddress, id: PeerId): Flight {
    const connection = this.#dial(peer, id, this.#closed.signal).finally(() =>
      this.#flights.delete(peer.peerId),
    )
    connection.catch(() => undefined)
    const flight: Flight = { tried: new Set(peer.multiaddrs), connection }
    this.#flights.set(peer.peerId, flight)
    return flight
  }

  async #dial(peer: PeerAddress, id: PeerId, signal: AbortSignal): Promise<Connection> {
    const { clock, known = () => [], find, unreachable = () => undefined } = this.#init
    const candidates = this.#candidates(id, [...known(peer.peerId), ...peer.multiaddrs])
    const attempts = this.#attempts(candidates)
    if (attempts.length === 0 && peer.multiaddrs.length === 0) attempts.push(this.#byLibp2p(id))
    if (find !== undefined) {
      attempts.push({
        afterMs: DIALS.findAfterMs,
        run: async either => {
          using limit = peerDeadline(clock, DIALS.relayedMs, either)
          const found = this.#candidates(id, await find(peer.peerId, limit.signal))
          const isNew = (one: Multiaddr): boolean => !candidates.some(tried => tried.equals(one))
          return await this.#race(this.#attempts(found.filter(isNew)), limit.signal)
        },
      })
    }
    try {
      return await this.#race(attempts, signal)
    } catch (cause) {
      if (this.#closed.signal.aborted) throw new ProtocolError('CLOSED', { cause })
      unreachable()
      throw new ProtocolError('UNREACHABLE', { cause })
    }
  }

  #candidates(id: PeerId, texts: readonly string[]): Multiaddr[] {
    const dialable = addressesOf(id, texts).filter(one => this.#addresses.canDial(one))
    return rankPaths(dialable, this.#init.own?.() ?? PRIVATE_NETWORK)
  }

  #attempts(addresses: readonly Multiaddr[]): Attempt<Connection>[] {
    const { clock } = this.#init
    return addresses.map(address => ({
      afterMs: DIALS.staggerMs,
      run: async signal => {
        const slot = await this.#slots.take(1, signal)
        // a dead address must not keep others waiting: what is left of its dial is a timer
        const release = clock.after(DIALS.slotMs, () => slot.release())
        try {
          using limit = peerDeadline(clock, isRelayed(address) ? DIALS.relayedMs : DIALS.directMs, signal)
          return await this.#addresses.dial(address, limit.signal)
        } finally {
          release.stop()
          slot.release()
        }
      },
    }))
  }

  /** By what libp2p itself has heard of the peer. */
  #byLibp2p(id: PeerId): Attempt<Connection> {
    return {
      afterMs: 0,
      run: async signal => {
        using limit = peerDeadline(this.#init.clock, DIALS.directMs, signal)
        for (let ended = 1; ; ended++) {
          // one that ends right now is still there to be joined, and would never answer
          await this.#init.clock.sleep(0, limit.signal)
          try {
            return await this.#init.libp2p.dial(id, { signal: limit.signal })
          } catch (cause) {
            // libp2p joins dials of a peer, and ends them with one of its own services
            if (!isAbort(cause) || limit.signal.aborted || ended === MAX_ENDED) throw cause
          }
        }
      },
    }
  }

  #race(attempts: readonly Attempt<Connection>[], signal: AbortSignal): Promise<Connection> {
    const drop = (late: Connection): void => void late.close().catch(error => late.abort(error))
    return stagger(attempts, { clock: this.#init.clock, signal, drop })
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError'
const isRelayed = (address: Multiaddr): boolean => pathKind(address).relayed
