import { parseIP } from '@chainsafe/is-ip/parse'
import type { Multiaddr } from '@multiformats/multiaddr'

/** The network of a relay: the first 24 bits of its IPv4 address, 48 of IPv6; its name where it has one, as that may move. */
export function relayNetwork(address: Multiaddr): string {
  const [host] = address.getComponents()
  const ip = parseIP(host?.value ?? '')
  if (ip === undefined) return host?.value ?? address.toString()
  return ip.subarray(0, ip.length === 4 ? 3 : 6).join('.')
}

/** PeerId of the relay in its address, or in that of a peer over it; undefined where it is not named. */
export function relayOf(address: Multiaddr): string | undefined {
  const parts = address.getComponents()
  const end = parts.findIndex(({ name }) => name === 'p2p-circuit')
  return parts.slice(0, end < 0 ? parts.length : end).findLast(({ name }) => name === 'p2p')?.value
}
