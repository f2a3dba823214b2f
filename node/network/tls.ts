import { constants } from 'node:crypto'
import {
  connect,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  TLSSocket,
} from 'node:tls'
import {
  type ConnectionEncrypter,
  type PeerId,
  type SecureConnectionOptions,
  type SecuredConnection,
  type Stream,
  type StreamMuxerFactory,
  UnexpectedPeerError,
} from '@libp2p/interface'
import { PROTOCOL, type TLSComponents } from '@libp2p/tls'
import { generateCertificate, toMessageStream, toNodeDuplex, verifyPeerCertificate } from '@libp2p/tls/utils'
import { raceSignal } from 'race-signal'
import type { Clock } from '../../base/clock.ts'
import { LruMap } from '../../base/lru-map.ts'

/** How long one certificate is shown. It is valid for a century, and from an hour before it was made. */
const CERTIFICATE_MS = 24 * 60 * 60 * 1000

/** verified certificates: those of a large committee, and of as many others */
const REMEMBERED_CERTIFICATES = 2_000

/** what those say in the handshake that agree on a muxer after it */
const NO_MUXER = 'libp2p'

const TLS_1_3: SecureContextOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  // no session goes on with an earlier one's keys: each shows that the peer has that of its certificate
  secureOptions: constants.SSL_OP_NO_TICKET,
}

type Line = Parameters<ConnectionEncrypter['secureInbound']>[0]

/**
 * libp2p's TLS (https://github.com/libp2p/specs/blob/master/tls/tls.md) of certificates that are made once a day and verified once.
 * @libp2p/tls, whose certificates they are, makes a key and a certificate for each connection, and verifies each peer's three
 * times. That a peer has the key of its certificate, each handshake shows anew.
 */
export function nodeTls(clock: Clock): (components: TLSComponents) => ConnectionEncrypter {
  return components => {
    const { privateKey } = components
    const ownContext = renewed(clock, async () =>
      createSecureContext({ ...(await generateCertificate(privateKey)), ...TLS_1_3 }),
    )
    const peerOf = createVerifier(clock)

    async function secure(
      line: Line,
      isServer: boolean,
      options: SecureConnectionOptions = {},
    ): Promise<SecuredConnection> {
      const { remotePeer: expected, signal, skipStreamMuxerNegotiation = false } = options
      const muxers = skipStreamMuxerNegotiation
        ? new Map<string, StreamMuxerFactory>()
        : components.upgrader.getStreamMuxers()
      const secureContext = await raceSignal(ownContext(), signal)
      const socket = openSocket(line, isServer, secureContext, [...muxers.keys(), NO_MUXER])
      try {
        await raceSignal(handshake(socket), signal)
        const remotePeer = await raceSignal(peerOf(socket), signal)
        if (expected?.equals(remotePeer) === false) throw new UnexpectedPeerError()
        const muxer = socket.alpnProtocol || NO_MUXER
        return { remotePeer, connection: toMessageStream(line, socket), streamMuxer: muxers.get(muxer) }
      } catch (err) {
        socket.destroy()
        line.abort(err as Error)
        throw err
      }
    }

    return {
      protocol: PROTOCOL,
      secureInbound: (line, options) => secure(line, true, options),
      secureOutbound: (line, options) => secure(line, false, options),
    }
  }
}

/** Makes it anew when it is a day old, or from a time that a clock which was put right has yet to reach. */
function renewed<T>(clock: Clock, make: () => Promise<T>): () => Promise<T> {
  let last: { value: Promise<T>; at: number } | undefined
  return () => {
    const age = clock.now() - (last?.at ?? Number.NEGATIVE_INFINITY)
    if (last !== undefined && age >= 0 && age < CERTIFICATE_MS) return last.value
    const made = { value: make(), at: clock.now() }
    last = made
    made.value.catch(() => {
      if (last === made) last = undefined
    })
    return made.value
  }
}

/** Throws @libp2p/tls's errors when the other side's certificate is not that of a peer. */
function createVerifier(clock: Clock): (socket: TLSSocket) => Promise<PeerId> {
  const verified = new LruMap<string, { peer: PeerId; validTo: number }>(REMEMBERED_CERTIFICATES)
  return async socket => {
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) throw new Error('the other side has shown no certificate')
    const { raw, fingerprint256, validToDate } = certificate
    const known = verified.get(fingerprint256)
    if (known !== undefined && clock.now() < known.validTo) return known.peer
    const peer = await verifyPeerCertificate(raw)
    verified.set(fingerprint256, { peer, validTo: validToDate.getTime() })
    return peer
  }
}

function openSocket(
  line: Line,
  isServer: boolean,
  secureContext: SecureContext,
  protocols: string[],
): TLSSocket {
  const duplex = toNodeDuplex(steady(line))
  // certificates are signed by those who show them
  const options = { secureContext, rejectUnauthorized: false }
  const socket = isServer
    ? new TLSSocket(duplex, {
        ...options,
        isServer,
        requestCert: true,
        ALPNCallback: offered => offered.protocols.find(protocol => protocols.includes(protocol)),
      })
    : connect({ ...options, socket: duplex, ALPNProtocols: protocols })
  // all that a server's socket tells of its line's end, and of records that are not the other side's, once it is past its handshake
  socket.on('_tlsError', err => socket.destroy(err))
  // what fails is told by how the handshake, and later the connection, ends
  socket.on('error', () => undefined)
  return socket
}

function handshake(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secure', resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection ended in its TLS handshake')))
  })
}

/** A line that is ended by what came on it: @libp2p/tls pauses it in a listener, which throws where nobody catches it. */
function steady(line: Line): Line {
  const { pause } = line
  line.pause = () => {
    // the interface leaves it out
    if ((line as Line & Pick<Stream, 'readStatus'>).readStatus === 'readable') pause.call(line)
  }
  return line
}
