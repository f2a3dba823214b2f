import {
  type Connection,
  type DialTransportOptions,
  type Listener,
  type PeerId,
  type Transport,
  transportSymbol,
} from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../../base/clock.ts'
import { WEB_RTC } from '../limits.ts'
import { linkConnection } from './connection.ts'
import { type HandshakeComponents, proveIdentities } from './handshake.ts'
import { type RtcPlace, rtcPlace } from './kinds.ts'
import type { RtcOpening } from './link.ts'
import { channelMuxer } from './muxer.ts'
import { createUfrag } from './sdp.ts'

/** Opens a link to where a server listens. Rejects with the signal's reason, and when there is no WebRTC to be had. */
export type RtcConnect = (place: RtcPlace, ufrag: string, signal: AbortSignal) => Promise<RtcOpening>

export interface WebRtcDialingInit {
  connect: RtcConnect
  clock: Clock
  random: () => number
}

/** For libp2p's `transports`: dials `webrtc-direct`. */
export function webRtcDialing(init: WebRtcDialingInit): (components: HandshakeComponents) => Transport {
  return components => new WebRtcDialing(init, components)
}

class WebRtcDialing implements Transport {
  readonly [transportSymbol] = true
  readonly [Symbol.toStringTag] = 'floe-web-rtc'
  readonly #init: WebRtcDialingInit
  readonly #components: HandshakeComponents

  constructor(init: WebRtcDialingInit, components: HandshakeComponents) {
    this.#init = init
    this.#components = components
  }

  async dial(address: Multiaddr, { signal }: DialTransportOptions): Promise<Connection> {
    const { connect, clock, random } = this.#init
    const { logger, upgrader } = this.#components
    const place = rtcPlace(address)
    if (place === undefined) throw new Error(`${address} does not say which certificate is there`)
    const opening = await connect(place, createUfrag(random), signal)
    const { link } = opening
    try {
      const connection = linkConnection({ link, remoteAddr: address, direction: 'outbound', logger })
      const muxerFactory = channelMuxer({
        link,
        clock,
        maxReadBytes: WEB_RTC.dialledReadBytes,
        refused: () => undefined,
      })
      const remotePeer = await proveIdentities('client', opening, {
        components: this.#components,
        remotePeer: peerOf(address),
        clock,
        signal,
      })
      const proved = { skipProtection: true, skipEncryption: true, remotePeer, muxerFactory, signal } as const
      return await upgrader.upgradeOutbound(connection, proved)
    } catch (error) {
      link.close()
      throw error
    }
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(address => rtcPlace(address) !== undefined)
  }

  listenFilter(): Multiaddr[] {
    return []
  }

  createListener(): Listener {
    throw new Error('nothing listens here')
  }
}

function peerOf(address: Multiaddr): PeerId | undefined {
  const last = address.getComponents().at(-1)
  return last?.name === 'p2p' && last.value !== undefined ? peerIdFromString(last.value) : undefined
}
