import type { Transport } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../base/clock.ts'
import { createCircuitTransport } from '../network/circuit/transport.ts'
import { pathKind } from '../network/paths/path-kind.ts'
import { type RtcConnect, webRtcDialing } from '../network/web-rtc/dialing.ts'
import { isWebRtcDirect } from '../network/web-rtc/kinds.ts'
import { isSecureWebSocket } from '../network/web-socket/kinds.ts'
import { isPrivateHost, type PagePlace } from './page-place.ts'

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
  const only = (factory: Factory): Factory => {
    return components => {
      const transport = factory(components)
      const dialable = transport.dialFilter.bind(transport)
      transport.dialFilter = addresses => dialable(addresses).filter(address => mayDial(address, page))
      return transport
    }
  }
  return [
    only(webSockets() as Factory),
    // it dials the relay by one of the others
    createCircuitTransport(clock).factory as Factory,
    ...(rtc === undefined
      ? []
      : [only(webRtcDialing({ connect: rtc, clock, random }) as unknown as Factory)]),
  ]
}

/**
 * Whether a page opens this connection: of WebSockets those with TLS, or to its own machine, once it came by HTTPS; to loopback and
 * private addresses only where it may.
 */
export function mayDial(address: Multiaddr, { isSecure, dialsPrivate }: PagePlace): boolean {
  const { scope, host } = pathKind(address)
  const isPublic = scope === 'public' && !isPrivateHost(host)
  if (!isPublic && !dialsPrivate) return false
  if (!isSecure || isWebRtcDirect(address) || isSecureWebSocket(address)) return true
  return scope === 'loopback' || host === 'localhost'
}

/** In a word, for people: how a connection goes. */
export function pathWord(address: Multiaddr): string {
  if (pathKind(address).relayed) return 'relay'
  if (isWebRtcDirect(address)) return 'webrtc'
  return isSecureWebSocket(address) ? 'wss' : 'ws'
}
