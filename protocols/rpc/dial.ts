import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { ProtocolError } from '../errors.ts'
import { CLIENT } from '../specs.ts'
import { waitForPromise } from '../stream/wait.ts'
import type { ClientComponents } from './components.ts'

/** A peer and where it may be reached. */
export interface PeerAddress {
  /** libp2p PeerId as text */
  peerId: string
  /** tried in parallel as libp2p orders them; empty: what libp2p knows of the peer */
  multiaddrs: readonly string[]
}

export interface Dialer {
  /** An open connection to the peer: an existing one, or one dialled once for all who ask. Throws UNREACHABLE or the signal's reason. */
  connect(peer: PeerAddress, signal?: AbortSignal): Promise<Connection>
  /** Ends dials under way. */
  close(): void
}

export function createDialer({ libp2p }: Pick<ClientComponents, 'libp2p'>): Dialer {
  const dials = new Map<string, Promise<Connection>>()
  const closed = new AbortController()

  async function dial(peerId: PeerId, addresses: readonly string[]): Promise<Connection> {
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(CLIENT.dialTimeoutMs)])
    try {
      const targets = addresses.map(address => withPeer(multiaddr(address), peerId))
      return await libp2p.dial(targets.length > 0 ? targets : peerId, { signal })
    } catch (cause) {
      throw new ProtocolError(closed.signal.aborted ? 'CLOSED' : 'UNREACHABLE', { cause })
    }
  }

  return {
    async connect({ peerId, multiaddrs }, signal) {
      if (closed.signal.aborted) throw new ProtocolError('CLOSED')
      const id = parsePeerId(peerId)
      const existing = libp2p.getConnections(id).find(({ status }) => status === 'open')
      if (existing !== undefined) return existing
      let dialling = dials.get(peerId)
      if (dialling === undefined) {
        dialling = dial(id, multiaddrs).finally(() => dials.delete(peerId))
        dials.set(peerId, dialling)
        // everybody may have given up by the time it fails
        dialling.catch(() => {})
      }
      // the dial has its own time limit and goes on for the others when one of those who wait gives up
      return waitForPromise(dialling, { signal })
    },
    close() {
      closed.abort(new ProtocolError('CLOSED'))
    },
  }
}

function parsePeerId(text: string): PeerId {
  try {
    return peerIdFromString(text)
  } catch (cause) {
    throw new ProtocolError('UNREACHABLE', { cause })
  }
}

/** The address with the PeerId at its end, so that libp2p checks who answers. */
function withPeer(address: Multiaddr, peerId: PeerId): Multiaddr {
  const last = address.getComponents().at(-1)
  return last?.name === 'p2p' ? address : address.encapsulate(`/p2p/${peerId}`)
}
