import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { deadline } from '../deadline.ts'
import { ProtocolError } from '../errors.ts'
import { CLIENT } from '../specs.ts'
import type { ClientComponents } from './components.ts'

/** A peer and where it may be reached. */
export interface PeerAddress {
  /** libp2p PeerId as text */
  peerId: string
  /** tried in parallel as libp2p orders them; empty: what libp2p knows of the peer */
  multiaddrs: readonly string[]
}

export interface Dialer {
  /** An open connection to the peer, a new one when there is none. Throws UNREACHABLE, CLOSED or the signal's reason. */
  connect(peer: PeerAddress, signal?: AbortSignal): Promise<Connection>
  /** Ends dials under way. */
  close(): void
}

/** Dials made at the same time are one: libp2p joins them, and ends them when the last one who waits gives up. */
export function createDialer({ libp2p }: Pick<ClientComponents, 'libp2p'>): Dialer {
  const closed = new AbortController()
  // by the very address: whoever knows a peer by others makes another one
  const parsed = new WeakMap<PeerAddress, Target>()
  const targetOf = (peer: PeerAddress): Target => {
    const known = parsed.get(peer) ?? { id: parsePeerId(peer.peerId) }
    parsed.set(peer, known)
    return known
  }
  return {
    async connect(peer, signal) {
      signal?.throwIfAborted()
      if (closed.signal.aborted) throw new ProtocolError('CLOSED')
      const target = targetOf(peer)
      const { id } = target
      const existing = libp2p.getConnections(id).find(({ status }) => status === 'open')
      if (existing !== undefined) return existing
      using limit = deadline(CLIENT.dialTimeoutMs, closed.signal, signal)
      try {
        target.addresses ??= peer.multiaddrs.map(address => withPeer(multiaddr(address), id))
        return await libp2p.dial(target.addresses.length > 0 ? target.addresses : id, {
          signal: limit.signal,
        })
      } catch (cause) {
        signal?.throwIfAborted()
        throw new ProtocolError(closed.signal.aborted ? 'CLOSED' : 'UNREACHABLE', { cause })
      }
    },
    close() {
      closed.abort(new ProtocolError('CLOSED'))
    },
  }
}

/** A peer's address as libp2p has it. */
interface Target {
  id: PeerId
  /** once it had to be dialled */
  addresses?: Multiaddr[]
}

function parsePeerId(text: string): PeerId {
  try {
    return peerIdFromString(text)
  } catch (cause) {
    throw new ProtocolError('UNREACHABLE', { cause })
  }
}

/** The address with the PeerId at its end, so that libp2p checks who answers. Throws when it ends in somebody else's. */
function withPeer(address: Multiaddr, peerId: PeerId): Multiaddr {
  const last = address.getComponents().at(-1)
  if (last?.name !== 'p2p') return address.encapsulate(`/p2p/${peerId}`)
  if (last.value !== peerId.toString()) throw new RangeError(`the address is that of peer ${last.value}`)
  return address
}
