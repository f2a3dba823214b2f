import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type ComponentLogger,
  type Listener,
  type ListenerEvents,
  type Transport,
  TypedEventEmitter,
  type Upgrader,
} from '@libp2p/interface'
import { getNetConfig, getThinWaistAddresses, ipPortToMultiaddr } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { WebSocketServer } from 'ws'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { RefusalReason } from '../../refusals.ts'
import { CONNECTIONS, SOCKET, WEB_SOCKET } from '../limits.ts'
import { ListeningTransport } from '../listening-transport.ts'
import { webSocketConnection } from './connection.ts'
import { createHandshakes } from './handshakes.ts'
import { isSecureWebSocket, isWebSocket } from './kinds.ts'

/** A certificate and its key, PEM. */
export interface TlsCertificate {
  cert: string
  key: string
}

export interface WebSocketListeningInit {
  clock: Clock
  log: Pick<Log, 'debug'>
  /** of what is refused before libp2p hears of it */
  refused(reason: RefusalReason<'connections'>): void
  /** for addresses with `/tls/ws` */
  tls?: TlsCertificate | undefined
}

/** For libp2p's `transports`: pages come by WebSockets. Nodes have better ways to each other, so that nothing is dialled by it. */
export function webSocketListening(
  init: WebSocketListeningInit,
): (components: { logger: ComponentLogger }) => Transport {
  return ({ logger }) =>
    new ListeningTransport(
      'floe-web-socket',
      isWebSocket,
      ({ upgrader }) => new WebSocketListener(init, logger, upgrader),
    )
}

class WebSocketListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #init: WebSocketListeningInit
  readonly #logger: ComponentLogger
  readonly #upgrader: Upgrader
  readonly #stopping = new AbortController()
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: WEB_SOCKET.maxMessageBytes,
  })
  readonly #sockets = new Set<Socket>()
  #listening: { address: Multiaddr; server: Server } | undefined

  constructor(init: WebSocketListeningInit, logger: ComponentLogger, upgrader: Upgrader) {
    super()
    this.#init = init
    this.#logger = logger
    this.#upgrader = upgrader
  }

  async listen(address: Multiaddr): Promise<void> {
    const handshakes = createHandshakes(this.#init.clock, this.#init.refused)
    const server = this.#createServer(address)
    server.maxConnections = SOCKET.maxConnections
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      handshakes.begin(socket)
    })
    server.on('upgrade', (request, stream, head) => {
      handshakes.end(request.socket)
      this.#receive(request, stream, head)
    })
    const { host, port, type } = getNetConfig(address)
    server.listen({ host, port, ipv6Only: type === 'ip6', backlog: SOCKET.backlog })
    await once(server, 'listening')
    // a connection that could not be taken, as without a file descriptor left: others come when there is one
    server.on('error', err =>
      this.#init.log.debug({ address: String(address), err }, 'a connection was not taken'),
    )
    this.#listening = { address, server }
    this.safeDispatchEvent('listening')
  }

  #createServer(address: Multiaddr): Server {
    const limits = {
      headersTimeout: CONNECTIONS.inboundUpgradeTimeout,
      maxHeaderSize: WEB_SOCKET.maxHeaderBytes,
    }
    if (!isSecureWebSocket(address)) return createServer(limits, refuse)
    const { tls } = this.#init
    if (tls === undefined) throw new Error(`${address} needs a certificate`)
    const server = createTlsServer(
      { ...limits, ...tls, handshakeTimeout: CONNECTIONS.inboundUpgradeTimeout },
      refuse,
    )
    server.on('tlsClientError', (_, socket) => socket.destroy())
    return server
  }

  #receive(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const { remoteAddress, remotePort } = request.socket
    if (remoteAddress === undefined || remotePort === undefined) return void stream.destroy()
    this.#webSockets.handleUpgrade(request, stream, head, web => {
      const address = ipPortToMultiaddr(remoteAddress, remotePort).encapsulate('/ws')
      const connection = webSocketConnection(web, request.socket, address, this.#logger)
      this.#upgrader.upgradeInbound(connection, { signal: this.#stopping.signal }).catch(error => {
        connection.abort(error instanceof Error ? error : new Error('not upgraded', { cause: error }))
      })
    })
  }

  getAddrs(): Multiaddr[] {
    const bound = this.#listening?.server.address()
    if (this.#listening === undefined || bound === null || typeof bound !== 'object') return []
    const { address } = this.#listening
    const suffix = isSecureWebSocket(address) ? '/tls/ws' : '/ws'
    return getThinWaistAddresses(address, bound.port).map(one => one.encapsulate(suffix))
  }

  updateAnnounceAddrs(): void {
    // nothing to add to what it listens on
  }

  async close(): Promise<void> {
    const server = this.#listening?.server
    this.#listening = undefined
    this.#stopping.abort(new Error('the node stops'))
    if (server !== undefined) {
      const closed = once(server, 'close')
      server.close()
      for (const socket of this.#sockets) socket.destroy()
      await closed
    }
    this.safeDispatchEvent('close')
  }
}

/** Whatever else speaks HTTP here. */
function refuse(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end()
}
