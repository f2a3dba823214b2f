import type { AbortOptions, ComponentLogger, MultiaddrConnection, Stream } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { CircuitEnd } from '../../../protocols/index.ts'

/** One end of a circuit as libp2p has the connections of a transport: what is sent waits for the stream's own drain. */
export function circuitConnection(
  { stream, first }: Pick<CircuitEnd, 'stream' | 'first'>,
  remoteAddr: Multiaddr,
  logger: ComponentLogger,
): MultiaddrConnection {
  return new CircuitConnection(stream, first, remoteAddr, logger)
}

type Data = Parameters<AbstractMultiaddrConnection['sendData']>[0]

class CircuitConnection extends AbstractMultiaddrConnection {
  readonly #stream: Stream

  constructor(stream: Stream, first: Uint8Array, remoteAddr: Multiaddr, logger: ComponentLogger) {
    super({ remoteAddr, direction: stream.direction, log: logger.forComponent('libp2p:circuit') })
    this.#stream = stream
    if (first.length > 0) this.onData(first)
    stream.addEventListener('message', ({ data }) => this.onData(data))
    stream.addEventListener('drain', () => this.safeDispatchEvent('drain'))
    stream.addEventListener('close', ({ error }) => this.onTransportClosed(error))
    // a connection has no half: the muxer at the other end has said goodbye
    stream.addEventListener('remoteCloseWrite', () => this.#hangUp())
    // the handshake may have left it paused, or it may be over by now
    if (stream.readStatus === 'paused') stream.resume()
    if (stream.remoteWriteStatus === 'closed') this.#hangUp()
    if (stream.status !== 'open') this.onTransportClosed()
  }

  override sendData(data: Data): SendResult {
    return { sentBytes: data.byteLength, canSendMore: this.#stream.send(data) }
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    await this.#stream.close(options)
  }

  override sendReset(error: Error): void {
    this.#stream.abort(error)
  }

  override sendPause(): void {
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  override sendResume(): void {
    if (this.#stream.readStatus === 'paused') this.#stream.resume()
  }

  #hangUp(): void {
    this.close().catch(error => this.abort(error))
  }
}
