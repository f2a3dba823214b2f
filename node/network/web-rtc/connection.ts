import type { ComponentLogger, MessageStreamDirection, MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { RtcLink } from './link.ts'

export interface LinkConnectionInit {
  link: RtcLink
  remoteAddr: Multiaddr
  direction: MessageStreamDirection
  logger: ComponentLogger
}

/** A link as libp2p has the connections of a transport: it ends with it, and carries nothing but channels. */
export function linkConnection({ link, logger, ...init }: LinkConnectionInit): MultiaddrConnection {
  const log = logger.forComponent('libp2p:web-rtc')
  const connection = new LinkConnection(link, { ...init, log })
  link.onClosed(() => connection.onTransportClosed())
  return connection
}

type Data = Parameters<AbstractMultiaddrConnection['sendData']>[0]

class LinkConnection extends AbstractMultiaddrConnection {
  readonly #link: RtcLink

  constructor(link: RtcLink, init: ConstructorParameters<typeof AbstractMultiaddrConnection>[0]) {
    super(init)
    this.#link = link
  }

  override sendData(data: Data): SendResult {
    return { sentBytes: data.byteLength, canSendMore: true }
  }

  override async sendClose(): Promise<void> {
    this.#link.close()
  }

  override sendReset(): void {
    this.#link.close()
  }

  override sendPause(): void {
    // there is nothing to pause: see its channels
  }

  override sendResume(): void {
    // nothing was paused
  }
}
