import type { Transport } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../base/clock.ts'
import { createCircuitTransport } from '../network/circuit/transport.ts'
import { pathKind } from '../network/paths/path-kind.ts'
import { type RtcConnect, webRtcDialing } from '../network/web-rtc/dialing.ts'
import { isWebRtcDirect } from '../network/web-rtc/kinds.ts'
import { isSecureWebSocket } from '../network/web-socket/kinds.ts'
import type { PagePlace } from './messages.ts'

type Factory = (components: never) => Transport

export interface PageTransportsInit {
  page: PagePlace
  /** there is none where absent */
  rtc?: RtcConnect | undefined
  clock: Clock
  random: () => number
}

/** By what a page, or its worker, reaches peers: WebSockets, relays over these, and WebRTC. */
export function pageTransports({ page, rtc, clock, random }: PageTransportsInit): Factory[] {
  const webSocket = webSockets()
  return [
    components => {
      const transport = webSocket(components)
      const dialable = transport.dialFilter.bind(transport)
      transport.dialFilter = addresses => dialable(addresses).filter(address => mayDial(address, page))
      return transport
    },
    createCircuitTransport(clock).factory as Factory,
    ...(rtc === undefined ? [] : [webRtcDialing({ connect: rtc, clock, random }) as unknown as Factory]),
  ]
}

/** Whether the browser lets a page open this WebSocket: with TLS, or to its own machine, once the page came by HTTPS. */
export function mayDial(address: Multiaddr, { isSecure }: PagePlace): boolean {
  return !isSecure || isSecureWebSocket(address) || pathKind(address).scope === 'loopback'
}

/** In a word, for people: how a connection goes. */
export function pathWord(address: Multiaddr): string {
  if (pathKind(address).relayed) return 'relay'
  if (isWebRtcDirect(address)) return 'webrtc'
  return isSecureWebSocket(address) ? 'wss' : 'ws'
}
