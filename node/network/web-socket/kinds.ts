import type { Multiaddr } from '@multiformats/multiaddr'

/** Whether a page reaches it by a WebSocket, with TLS or without; not over a relay. */
export function isWebSocket(address: Multiaddr): boolean {
  return ['ws', 'wss'].includes(
    address
      .getComponents()
      .filter(({ name }) => name !== 'p2p')
      .at(-1)?.name ?? '',
  )
}

export function isSecureWebSocket(address: Multiaddr): boolean {
  const names = address.getComponents().map(({ name }) => name)
  return isWebSocket(address) && (names.includes('tls') || names.includes('wss'))
}
