import {
  type Connection,
  type CreateListenerOptions,
  type Listener,
  type Transport,
  transportSymbol,
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** For libp2p's `transports`: by which pages come. Nodes have better ways to each other, so that nothing is dialled by it. */
export class ListeningTransport implements Transport {
  readonly [transportSymbol] = true
  readonly createListener: (options: CreateListenerOptions) => Listener
  readonly #tag: string
  readonly #isOurs: (address: Multiaddr) => boolean

  /** @param tag its name among transports */
  constructor(
    tag: string,
    isOurs: (address: Multiaddr) => boolean,
    createListener: (options: CreateListenerOptions) => Listener,
  ) {
    this.#tag = tag
    this.#isOurs = isOurs
    this.createListener = createListener
  }

  get [Symbol.toStringTag](): string {
    return this.#tag
  }

  async dial(): Promise<Connection> {
    throw new Error(`nothing is dialled by ${this.#tag} here`)
  }

  dialFilter(): Multiaddr[] {
    return []
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(this.#isOurs)
  }
}
