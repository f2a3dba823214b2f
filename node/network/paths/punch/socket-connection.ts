import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { AbortOptions, ComponentLogger, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { SOCKET } from '../../limits.ts'

/**
 * An open TCP socket as libp2p has the connections of a transport. Its address ends in the PeerId that must be at the other end,
 * which the handshake checks. `direction` says who begins the handshake, whoever has dialled.
 */
export function socketConnection(
  socket: Socket,
  peer: PeerId,
  direction: 'inbound' | 'outbound',
  logger: ComponentLogger,
): MultiaddrConnection {
  const { remoteAddress: ip = '', remoteFamily, remotePort } = socket
  const address = `/${remoteFamily === 'IPv6' ? 'ip6' : 'ip4'}/${ip.split('%')[0]}/tcp/${remotePort}/p2p/${peer}`
  return new SocketConnection(socket, multiaddr(address), direction, logger)
}

type Data = Parameters<AbstractMultiaddrConnection['sendData']>[0]

class SocketConnection extends AbstractMultiaddrConnection {
  readonly #socket: Socket

  constructor(
    socket: Socket,
    remoteAddr: Multiaddr,
    direction: 'inbound' | 'outbound',
    logger: ComponentLogger,
  ) {
    super({ remoteAddr, direction, log: logger.forComponent('libp2p:punch') })
    this.#socket = socket
    socket.setTimeout(SOCKET.outboundSocketInactivityTimeout, () => this.abort(new Error('nothing moves')))
    socket.on('data', data => this.onData(data))
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    socket.on('error', error => this.abort(error))
    socket.on('end', () => this.onTransportClosed())
    socket.on('close', () => this.onTransportClosed())
  }

  /** The socket holds whatever it is given, and says when it is more than it wants. */
  override sendData(data: Data): SendResult {
    let sentBytes = 0
    let canSendMore = true
    for (const part of data) {
      sentBytes += part.byteLength
      canSendMore = this.#socket.write(part)
      if (!canSendMore) break
    }
    return { sentBytes, canSendMore }
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    if (this.#socket.destroyed) return
    this.#socket.destroySoon()
    await once(this.#socket, 'close', options)
  }

  override sendReset(): void {
    // what was ended cannot be reset any more
    if (this.#socket.writableEnded) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  override sendPause(): void {
    this.#socket.pause()
  }

  override sendResume(): void {
    this.#socket.resume()
  }
}
