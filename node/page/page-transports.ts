import type { Transport } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../base/clock.ts'
import { createCircuitTransport } from '../network/circuit/transport.ts'
import { pathKind } from '../network/paths/path-kind.ts'
import { isSecureWebSocket } from '../network/web-socket/kinds.ts'
import type { PagePlace } from './messages.ts'

type Factory = (components: never) => Transport

/** By what a page, or its worker, reaches peers: WebSockets, and relays over these. */
export function pageTransports(place: PagePlace, clock: Clock): Factory[] {
  const webSocket = webSockets()
  return [
    components => {
      const transport = webSocket(components)
      const dialable = transport.dialFilter.bind(transport)
      transport.dialFilter = addresses => dialable(addresses).filter(address => mayDial(address, place))
      return transport
    },
    createCircuitTransport(clock).factory as Factory,
  ]
}

/** Whether the browser lets a page open this WebSocket: with TLS, or to its own machine, once the page came by HTTPS. */
export function mayDial(address: Multiaddr, { isSecure }: PagePlace): boolean {
  return !isSecure || isSecureWebSocket(address) || pathKind(address).scope === 'loopback'
}

/** In a word, for people: how a connection goes. */
export function pathWord(address: Multiaddr): string {
  if (pathKind(address).relayed) return 'relay'
  return isSecureWebSocket(address) ? 'wss' : 'ws'
}
