import type { Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Of libp2p's parts those that know where it is. */
interface Components {
  events: EventTarget
  transportManager: { getAddrs(): Multiaddr[] }
  addressManager: { confirmObservedAddr(address: Multiaddr, options: { type: 'transport' }): void }
}

/**
 * Has `getMultiaddrs` tell all that a node listens on, also over relays. The library leaves out whatever is public and no AutoNAT has tried:
 * a node would tell of no address at all behind the relays of the Internet. Whether others can dial a node, it asks by `reach`.
 */
export function trustOwnAddresses(node: Libp2p): void {
  const { events, transportManager, addressManager } = (node as unknown as { components: Components })
    .components
  const confirm = (): void => {
    for (const address of transportManager.getAddrs())
      addressManager.confirmObservedAddr(address, { type: 'transport' })
  }
  // with the node these listeners go
  events.addEventListener('transport:listening', confirm)
  confirm()
}
