import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  type Listener,
  type ListenerEvents,
  type Transport,
  TypedEventEmitter,
  type Upgrader,
} from '@libp2p/interface'
import { getNetConfig, getThinWaistAddresses } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { IceUdpMuxListener, IceUdpMuxRequest, PeerConnection } from 'node-datachannel'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { Timer } from '../../../base/timers.ts'
import { waitFor } from '../../../base/wait.ts'
import type { RefusalReason } from '../../refusals.ts'
import { WEB_RTC } from '../limits.ts'
import { ListeningTransport } from '../listening-transport.ts'
import { noiseCrypto } from '../noise-crypto.ts'
import { type RtcCertificate, rtcCertificate } from './certificate.ts'
import { type Comers, type ComersLimits, createComers } from './comers.ts'
import { linkConnection } from './connection.ts'
import { type HandshakeComponents, proveIdentities } from './handshake.ts'
import { certhashOf, isWebRtcDirect } from './kinds.ts'
import { channelMuxer, type StreamJudge } from './muxer.ts'
import { type NativeLink, nativeLink } from './native-link.ts'
import { clientOffer, isUfrag } from './sdp.ts'

/** What of the native library is used; loaded where somebody listens. */
export interface NativeRtc {
  PeerConnection: new (
    name: string,
    config: ConstructorParameters<typeof PeerConnection>[1],
  ) => PeerConnection
  IceUdpMuxListener: new (port: number, address?: string) => IceUdpMuxListener
}

export interface WebRtcListeningInit {
  native: NativeRtc
  limits?: ComersLimits | undefined
  /** of the network key, from which the certificate is made */
  networkSeed: Uint8Array
  clock: Clock
  log: Pick<Log, 'debug' | 'info' | 'warn'>
  refused(reason: RefusalReason<'connections'>): void
  /** told of what judges a connection's streams, as `BoundedYamux.limitLast` needs it */
  made(judge: StreamJudge): void
}

/** For libp2p's `transports`: pages come by WebRTC, straight. Nodes have better ways to each other, so that nothing is dialled by it. */
export function webRtcListening(init: WebRtcListeningInit): (components: HandshakeComponents) => Transport {
  const certificate = rtcCertificate(init.networkSeed)
  const comers = createComers(init.clock, init.refused, init.limits)
  return components =>
    new ListeningTransport(
      'floe-web-rtc',
      isWebRtcDirect,
      ({ upgrader }) => new WebRtcListener({ ...init, certificate, comers, components }, upgrader),
    )
}

interface ListenerInit extends WebRtcListeningInit {
  certificate: RtcCertificate
  comers: Comers
  components: HandshakeComponents
}

/** Whoever has the port may leave it: often the process that was here before. */
const LISTEN_RETRY_MS = 30_000

class WebRtcListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #init: ListenerInit
  readonly #upgrader: Upgrader
  readonly #stopping = new AbortController()
  /** by who asks: its packets come again until it is answered */
  readonly #links = new Map<string, NativeLink>()
  #retry: Timer | undefined
  #listening: { address: Multiaddr; port: number; native: IceUdpMuxListener } | undefined

  constructor(init: ListenerInit, upgrader: Upgrader) {
    super()
    this.#init = init
    this.#upgrader = upgrader
  }

  /** Where it cannot, pages come otherwise, or not at all: no reason for a node not to be there. It is tried again. */
  async listen(address: Multiaddr): Promise<void> {
    try {
      await this.#listen(address)
    } catch (err) {
      const { clock, log } = this.#init
      const why =
        'pages do not reach this node by WebRTC: its UDP port is taken, or not to be had; it is tried again'
      log.warn({ err, address: String(address) }, why)
      this.#retry = clock.after(LISTEN_RETRY_MS, () => void this.#listenAgain(address), { background: true })
    }
  }

  async #listenAgain(address: Multiaddr): Promise<void> {
    const { clock, log } = this.#init
    try {
      await this.#listen(address)
      log.info({ address: String(address) }, 'pages reach this node by WebRTC')
    } catch {
      if (this.#stopping.signal.aborted) return
      this.#retry = clock.after(LISTEN_RETRY_MS, () => void this.#listenAgain(address), { background: true })
    }
  }

  async #listen(address: Multiaddr): Promise<void> {
    const { host, port: asked, type } = getNetConfig(address)
    const port = await freePort(host, asked ?? 0, type === 'ip6')
    // it may have been closed meanwhile
    this.#stopping.signal.throwIfAborted()
    const native = new this.#init.native.IceUdpMuxListener(port, host)
    this.#listening = { address, port, native }
    // what it throws would end the process
    native.onUnhandledStunRequest(request => {
      try {
        this.#receive(request, host, port)
      } catch (err) {
        this.#init.log.debug({ err }, 'a page was not answered by WebRTC')
      }
    })
    this.safeDispatchEvent('listening')
  }

  #receive({ ufrag, host, port }: IceUdpMuxRequest, bindAddress: string, listenPort: number): void {
    const who = `${host} ${port} ${ufrag}`
    if (ufrag === undefined || host === undefined || port === undefined) return
    if (!isUfrag(ufrag) || this.#links.has(who) || this.#stopping.signal.aborted) return
    const comer = this.#init.comers.arrive(host, () => this.#links.get(who)?.close())
    if (comer === undefined) return
    const { cert, key } = this.#init.certificate
    const native = new this.#init.native.PeerConnection('floe', {
      iceServers: [],
      disableAutoNegotiation: true,
      // a client's is not known before; noise looks at it
      disableFingerprintVerification: true,
      certificatePemFile: cert,
      keyPemFile: key,
      enableIceUdpMux: true,
      bindAddress,
      portRangeBegin: listenPort,
      portRangeEnd: listenPort,
      maxMessageSize: WEB_RTC.messageBytes,
    })
    const link = nativeLink(native)
    this.#links.set(who, link)
    link.onClosed(() => {
      this.#links.delete(who)
      comer.left()
    })
    const family = host.includes(':') ? 6 : 4
    try {
      native.setRemoteDescription(clientOffer({ host, port, family }, ufrag), 'offer')
      native.setLocalDescription('answer', { iceUfrag: ufrag, icePwd: ufrag })
    } catch (error) {
      link.close()
      throw error
    }
    const remoteAddr = multiaddr(`/ip${family}/${host}/udp/${port}/webrtc-direct`)
    this.#upgrade(link, remoteAddr).then(comer.admitted, err => {
      this.#init.log.debug({ err }, 'a page did not prove who it is')
      link.close()
    })
  }

  async #upgrade(link: NativeLink, remoteAddr: Multiaddr): Promise<void> {
    const { certificate, components, clock, refused, made } = this.#init
    const ended = new AbortController()
    const signal = AbortSignal.any([this.#stopping.signal, ended.signal])
    const connection = linkConnection({ link, remoteAddr, direction: 'inbound', logger: components.logger })
    connection.addEventListener('close', () => ended.abort(new Error('the page has gone')))
    // before anything can come
    const muxerFactory = channelMuxer({
      link,
      clock,
      maxReadBytes: WEB_RTC.servedReadBytes,
      refused,
      made,
    })
    await opened(link, signal)
    const opening = {
      link,
      handshake: link.handshake,
      clientFingerprint: link.remoteFingerprint(),
      serverFingerprint: certificate.fingerprint,
    }
    const remotePeer = await proveIdentities('server', opening, {
      components,
      crypto: noiseCrypto(),
      clock,
      signal,
    })
    const proved = { skipProtection: true, skipEncryption: true, remotePeer, muxerFactory, signal } as const
    connection.remoteAddr = remoteAddr.encapsulate(`/p2p/${remotePeer}`)
    await this.#upgrader.upgradeInbound(connection, proved)
  }

  getAddrs(): Multiaddr[] {
    if (this.#listening === undefined) return []
    const { address, port } = this.#listening
    return getThinWaistAddresses(address, port).map(one => this.#withHash(one.encapsulate('/webrtc-direct')))
  }

  /** An operator does not know the certificate. */
  updateAnnounceAddrs(addresses: Multiaddr[]): void {
    for (const [i, address] of addresses.entries()) {
      const isBare =
        isWebRtcDirect(address) && !address.getComponents().some(({ name }) => name === 'certhash')
      if (isBare) addresses[i] = this.#withHash(address)
    }
  }

  #withHash(address: Multiaddr): Multiaddr {
    return address.encapsulate(`/certhash/${certhashOf(this.#init.certificate.fingerprint)}`)
  }

  async close(): Promise<void> {
    this.#retry?.stop()
    this.#listening?.native.stop()
    this.#listening = undefined
    this.#stopping.abort(new Error('the node stops'))
    for (const link of [...this.#links.values()]) link.close()
    this.safeDispatchEvent('close')
  }
}

/** Resolves once the first channel is open. */
async function opened({ handshake }: NativeLink, signal: AbortSignal): Promise<void> {
  if (handshake.isOpen) return
  await waitFor(resolve => {
    handshake.onceOpen(resolve)
    return () => undefined
  }, signal)
}

/** The native library takes no other one's port for its own, and does not choose: Node asks the system. Rejects with node's EADDRINUSE. */
async function freePort(host: string, port: number, isIp6: boolean): Promise<number> {
  const socket = createSocket({ type: isIp6 ? 'udp6' : 'udp4', ipv6Only: isIp6 })
  try {
    socket.bind({ port, address: host, exclusive: true })
    await once(socket, 'listening')
    return socket.address().port
  } finally {
    await new Promise<void>(resolve => socket.close(() => resolve()))
  }
}
