import type { ComponentLogger, PeerId, PrivateKey, Upgrader } from '@libp2p/interface'
import { type ICryptoInterface, noise } from '@libp2p/noise'
import type { Clock } from '../../../base/clock.ts'
import { defined } from '../../../base/defined.ts'
import { WEB_RTC } from '../limits.ts'
import { multihash } from './kinds.ts'
import type { RtcOpening } from './link.ts'
import { ChannelStream } from './stream.ts'

/** Of libp2p's parts those that prove who a peer is. */
export interface HandshakeComponents {
  peerId: PeerId
  privateKey: PrivateKey
  logger: ComponentLogger
  upgrader: Upgrader
}

export interface HandshakeInit {
  components: HandshakeComponents
  /** the library's when absent */
  crypto?: ICryptoInterface | undefined
  /** whom a dialler wants to reach */
  remotePeer?: PeerId | undefined
  clock: Clock
  signal: AbortSignal
}

const PREFIX = new TextEncoder().encode('libp2p-webrtc-noise:')

/**
 * Both sides say who they are, by noise, over the first channel; certificates that are not those of the connection make it fail. Who
 * listens speaks first. Throws what noise throws, and the signal's reason.
 */
export async function proveIdentities(
  role: 'client' | 'server',
  { handshake, clientFingerprint, serverFingerprint }: RtcOpening,
  { components, crypto, remotePeer, clock, signal }: HandshakeInit,
): Promise<PeerId> {
  const prologue = Uint8Array.of(...PREFIX, ...multihash(clientFingerprint), ...multihash(serverFingerprint))
  const encrypter = noise(defined({ prologueBytes: prologue, crypto }))(components)
  const log = components.logger.forComponent('libp2p:web-rtc:handshake')
  const stream = new ChannelStream(handshake, {
    id: '0',
    direction: 'outbound',
    log,
    clock,
    maxReadBytes: WEB_RTC.servedReadBytes,
  })
  const failed = new AbortController()
  stream.addEventListener('close', ({ error }) => failed.abort(error ?? new Error('the peer has gone')))
  const either = AbortSignal.any([signal, failed.signal])
  const options = { signal: either, skipStreamMuxerNegotiation: true, remotePeer }
  const proved =
    role === 'server'
      ? await encrypter.secureOutbound(stream, options)
      : await encrypter.secureInbound(stream, options)
  return proved.remotePeer
}
