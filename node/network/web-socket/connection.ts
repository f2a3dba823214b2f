import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { AbortOptions, ComponentLogger, MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { WebSocket } from 'ws'
import { SOCKET, WEB_SOCKET } from '../limits.ts'

/**
 * An open WebSocket as libp2p has the connections of a transport. Unlike the library's own it stops reading when it is paused, and
 * says that it has sent when the socket has.
 */
export function webSocketConnection(
  web: WebSocket,
  socket: Socket,
  remoteAddr: Multiaddr,
  logger: ComponentLogger,
): MultiaddrConnection {
  return new WebSocketConnection(web, socket, remoteAddr, logger)
}

type Data = Parameters<AbstractMultiaddrConnection['sendData']>[0]

class WebSocketConnection extends AbstractMultiaddrConnection {
  readonly #web: WebSocket
  readonly #socket: Socket

  constructor(web: WebSocket, socket: Socket, remoteAddr: Multiaddr, logger: ComponentLogger) {
    super({ remoteAddr, direction: 'inbound', log: logger.forComponent('libp2p:web-socket') })
    this.#web = web
    this.#socket = socket
    socket.setNoDelay(SOCKET.listenOpts.noDelay)
    socket.setTimeout(SOCKET.inboundSocketInactivityTimeout, () => this.abort(new Error('nothing moves')))
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    web.on('message', (data, isBinary) => {
      if (isBinary) this.onData(data as Buffer)
      else this.abort(new Error('the peer sent text'))
    })
    web.on('ping', data => {
      // whoever pings and does not read gets no queue of answers
      if (!socket.writableNeedDrain) web.pong(data)
    })
    web.on('error', error => this.abort(error))
    web.on('close', () => this.onTransportClosed())
  }

  override sendData(data: Data): SendResult {
    let sentBytes = 0
    while (sentBytes < data.byteLength && !this.#socket.writableNeedDrain) {
      const part = data.subarray(sentBytes, Math.min(sentBytes + WEB_SOCKET.messageBytes, data.byteLength))
      this.#web.send(part, { binary: true })
      sentBytes += part.byteLength
    }
    return { sentBytes, canSendMore: !this.#socket.writableNeedDrain }
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    if (this.#web.readyState === this.#web.CLOSED) return
    const closed = once(this.#web, 'close', options)
    this.#web.close()
    await closed
  }

  override sendReset(): void {
    this.#web.terminate()
  }

  override sendPause(): void {
    this.#web.pause()
  }

  override sendResume(): void {
    this.#web.resume()
  }
}
