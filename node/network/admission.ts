import type { Connection, ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../base/clock.ts'
import { createRates } from '../../base/rates.ts'
import { addressOf } from '../../protocols/index.ts'
import type { RefusalReason } from '../refusals.ts'
import { Groups } from './groups.ts'
import type { KnowsPeer } from './identify.ts'
import { ADMISSION, CONNECTIONS } from './limits.ts'

export interface AdmissionInit {
  /** Whether a PeerId is a member's: places are kept for them. */
  isMember: KnowsPeer
  refused(reason: RefusalReason<'connections'>): void
  /** the table's when absent */
  limits?: AdmissionLimits
  clock: Pick<Clock, 'monotonic'>
}

export type AdmissionLimits = { readonly [Name in keyof typeof ADMISSION]: number }

/** Decides which connections are let in, and which go when there are too many. */
export interface Admission {
  /** for libp2p: it asks about each connection that comes, before, during and after the handshake */
  readonly gater: Required<
    Pick<
      ConnectionGater,
      'denyInboundConnection' | 'denyInboundEncryptedConnection' | 'denyInboundUpgradedConnection'
    >
  >
  /** A request of the peer is under way: its connection is kept until the result is called. */
  serving(connection: Pick<Connection, 'remoteAddr'>): () => void
  /** From now on so many strangers have a place; those who are above it go, the longest idle first, but for who is being served. */
  setStrangers(count: number): void
  readonly pending: number
  readonly open: number
}

interface Guest {
  readonly connection: MultiaddrConnection
  readonly address: string
  readonly since: number
  /** once it is open */
  peer?: string
  requests: number
  idleSince: number
}

/**
 * One attacker with one address must not take the places of everybody else, whether with handshakes that never end, with
 * connections that it holds, or with PeerIds that it makes. The oldest handshake, or the longest idle
 * stranger, is pushed out of the address that has most; a peer that is being served stays.
 */
export function createAdmission(init: AdmissionInit): Admission {
  const { isMember, refused, limits = ADMISSION, clock } = init
  const now = () => clock.monotonic()
  let maxStrangers = limits.strangers
  const arrivals = createRates({
    perSecond: limits.perSecondPerAddress,
    burst: limits.burstPerAddress,
    remembered: limits.remembered,
    now,
  })
  // in order of arrival each
  const pending = new Groups<Guest>()
  const strangers = new Groups<Guest>()
  const peers = new Groups<Guest>()
  const guests = new WeakMap<MultiaddrConnection, Guest>()
  // by their remote address: relayed ones of one peer over one relay have the same
  const places = new Groups<Guest>()

  function arrive(connection: MultiaddrConnection): boolean {
    if (connection.status !== 'open') return true
    const address = addressOf(connection.remoteAddr)
    if (!arrivals.tryTake(address)) return deny('rate')
    if (pending.count(address) >= limits.pendingPerAddress) push(first(pending.of(address)), 'pending')
    if (pending.size >= limits.pending) push(first(pending.ofLargest()), 'pending')
    const guest: Guest = { connection, address, since: now(), requests: 0, idleSince: now() }
    pending.add(address, guest)
    const key = keyOf(connection.remoteAddr)
    // a port has one connection: the end of the one before is noticed late
    if (!isRelayed(connection.remoteAddr)) for (const before of [...places.of(key)]) leave(before)
    guests.set(connection, guest)
    places.add(key, guest)
    connection.addEventListener('close', () => leave(guest))
    return false
  }

  function leave(guest: Guest): void {
    guests.delete(guest.connection)
    places.remove(keyOf(guest.connection.remoteAddr), guest)
    strangers.remove(guest.address, guest)
    if (guest.peer !== undefined) peers.remove(guest.peer, guest)
    if (!pending.remove(guest.address, guest)) return
    if (now() - guest.since >= CONNECTIONS.inboundUpgradeTimeout) refused('handshake')
  }

  /** Makes room for one more of a peer, of an address, of all strangers; false when everyone there is being served. */
  function makeRoom(peer: string, address: string): RefusalReason<'connections'> | undefined {
    if (peers.count(peer) >= limits.perPeer && !push(longestIdle(peers.of(peer)), 'idle')) return 'peer'
    if (isMember(peer)) return undefined
    if (strangers.count(address) >= limits.strangersPerAddress) {
      if (!push(longestIdle(strangers.of(address), isStranger), 'idle')) return 'address'
    }
    if (strangers.size < maxStrangers) return undefined
    return pushStranger() ? undefined : 'full'
  }

  function pushStranger(): boolean {
    const idle = longestIdle(strangers.ofLargest(), isStranger) ?? longestIdle(strangers.all(), isStranger)
    return push(idle, 'idle')
  }

  /** A peer that was one when it came may be a member by now. */
  const isStranger = ({ peer }: Guest): boolean => peer === undefined || !isMember(peer)

  function admit(peerId: PeerId, connection: MultiaddrConnection): boolean {
    const guest = guests.get(connection)
    // it was pushed out, or has gone by itself, meanwhile
    if (guest === undefined) return true
    const peer = peerId.toString()
    const reason = makeRoom(peer, guest.address)
    if (reason !== undefined) return deny(reason)
    pending.remove(guest.address, guest)
    guest.peer = peer
    guest.idleSince = now()
    peers.add(peer, guest)
    if (!isMember(peer)) strangers.add(guest.address, guest)
    return false
  }

  function push(guest: Guest | undefined, reason: RefusalReason<'connections'>): boolean {
    if (guest === undefined) return false
    refused(reason)
    leave(guest)
    guest.connection.abort(new Error('the place was needed'))
    return true
  }

  function deny(reason: RefusalReason<'connections'>): true {
    refused(reason)
    return true
  }

  return {
    gater: {
      denyInboundConnection: arrive,
      // before the multiplexer is agreed on, which an attacker may draw out
      denyInboundEncryptedConnection(peerId) {
        const peer = peerId.toString()
        const isFull = peers.count(peer) >= limits.perPeer && longestIdle(peers.of(peer)) === undefined
        return isFull && deny('peer')
      },
      denyInboundUpgradedConnection: admit,
    },
    serving({ remoteAddr }) {
      const served = [...places.of(keyOf(remoteAddr))]
      for (const guest of served) guest.requests++
      let over = false
      return () => {
        if (over) return
        over = true
        for (const guest of served) {
          guest.requests--
          guest.idleSince = now()
        }
      }
    },
    setStrangers(count) {
      maxStrangers = count
      while (strangers.size > maxStrangers && pushStranger());
    },
    get pending() {
      return pending.size
    },
    get open() {
      return peers.size
    },
  }
}

function first(guests: Iterable<Guest>): Guest | undefined {
  for (const guest of guests) return guest
  return undefined
}

function longestIdle(
  guests: Iterable<Guest>,
  mayGo: (guest: Guest) => boolean = () => true,
): Guest | undefined {
  let found: Guest | undefined
  for (const guest of guests) {
    if (guest.requests > 0 || !mayGo(guest)) continue
    if (found === undefined || guest.idleSince < found.idleSince) found = guest
  }
  return found
}

/** The other side's address and port; libp2p adds the PeerId to it when the connection is open. Over a relay: whose it is. */
function keyOf(remote: Multiaddr): string {
  const text = remote.toString()
  return isRelayed(remote) ? text : text.split('/p2p/', 1)[0]!
}

function isRelayed(remote: Multiaddr): boolean {
  return remote.getComponents().some(({ name }) => name === 'p2p-circuit')
}
