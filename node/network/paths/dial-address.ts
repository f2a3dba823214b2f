import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { signalWhile } from '../../../base/wait.ts'
import type { CircuitTransport } from '../circuit/transport.ts'

/** What dialling needs of libp2p. */
export type DialingLibp2p = Pick<
  Libp2p,
  'dial' | 'getConnections' | 'getMultiaddrs' | 'addEventListener' | 'removeEventListener'
> & {
  /** what relays have said; nothing where the libp2p node is the app's own */
  circuits?: Pick<CircuitTransport, 'stunPort' | 'isNear' | 'onCalled'>
}

/** Of libp2p's parts the one that its interface leaves out: `libp2p.dial` takes addresses one after the other, and joins dials of a peer. */
interface TransportManager {
  dialTransportForMultiaddr(address: Multiaddr): unknown
  dial(address: Multiaddr, options: { signal: AbortSignal }): Promise<Connection>
}

/** Dials one address, alone. */
export interface AddressDialer {
  /** Whether there is a transport for it. */
  canDial(address: Multiaddr): boolean
  dial(address: Multiaddr, signal: AbortSignal): Promise<Connection>
}

export function createAddressDialer(libp2p: DialingLibp2p): AddressDialer {
  const transports = (libp2p as { components?: { transportManager?: TransportManager } }).components
    ?.transportManager
  // names that stand for whole addresses are libp2p's to look up
  const isDirectory = (address: Multiaddr) => address.getComponents().some(({ name }) => name === 'dnsaddr')
  return {
    canDial: address =>
      transports === undefined ||
      isDirectory(address) ||
      transports.dialTransportForMultiaddr(address) !== undefined,
    async dial(address, signal) {
      if (transports === undefined || isDirectory(address)) return await libp2p.dial(address, { signal })
      signal.throwIfAborted()
      // a socket ends with the signal that it was made with, for as long as it lives
      using dialing = signalWhile(signal)
      return await transports.dial(address, { signal: dialing.signal })
    },
  }
}

/**
 * The addresses that are the peer's, each with its PeerId at the end, so that libp2p checks who answers: what is no
 * address, or ends in somebody else's, is left out.
 */
export function addressesOf(peerId: PeerId, texts: readonly string[]): Multiaddr[] {
  return texts.flatMap(text => {
    const address = parse(text)
    const last = address?.getComponents().at(-1)
    if (address === undefined || last === undefined) return []
    if (last.name !== 'p2p') return address.encapsulate(`/p2p/${peerId}`)
    return last.value === peerId.toString() ? address : []
  })
}

function parse(text: string): Multiaddr | undefined {
  try {
    return multiaddr(text)
  } catch {
    return undefined
  }
}
