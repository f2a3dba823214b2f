import type { Multiaddr } from '@multiformats/multiaddr'
import { networkOf } from '../../base/ip.ts'

/** Where everything is on one machine; the other 127.x.y.z stand for themselves, so that one machine can play many. */
const OWN_MACHINE: ReadonlySet<string> = new Set(['127.0.0.1', '::1'])
/** Of connections without an IP address, and of relayed ones whose relay is not named. */
const NOWHERE = 'nowhere'

/**
 * The IP address to count a peer's requests by: an IPv4 address, or the /64 network of an IPv6 address, which is what one
 * customer gets. All that come through one relay count as that relay, by its PeerId. Undefined for the operator's own machine.
 */
export function addressToCount(remote: Multiaddr): string | undefined {
  const address = addressOf(remote)
  return OWN_MACHINE.has(address) ? undefined : address
}

/** The same, but of every connection, also of the operator's own machine: for what all together may not exhaust. */
export function addressOf(remote: Multiaddr): string {
  const parts = remote.getComponents()
  const circuit = parts.findIndex(({ name }) => name === 'p2p-circuit')
  if (circuit >= 0) {
    const relay = parts.slice(0, circuit).findLast(({ name }) => name === 'p2p')
    return relay?.value === undefined ? NOWHERE : `relay ${relay.value}`
  }
  for (const { name, value } of parts) {
    if (value !== undefined && (name === 'ip4' || name === 'ip6')) return networkOf(value)
  }
  return NOWHERE
}

/** The path to a peer, by which its traffic is counted: `direct`, or `relay` and the relay's PeerId. */
export function pathOf(remote: Multiaddr): string {
  const isRelayed = remote.getComponents().some(({ name }) => name === 'p2p-circuit')
  return isRelayed ? addressOf(remote) : 'direct'
}

/** The IP address at the other end of a connection; undefined where it does not begin with one. */
export function ipOf(remote: Multiaddr): string | undefined {
  const [first] = remote.getComponents()
  return first?.name === 'ip4' || first?.name === 'ip6' ? first.value : undefined
}

/** As `addressToCount`, of an IP address as text; one that is mapped into IPv6 may end in dots or in hex. */
export function ipToCount(ip: string): string | undefined {
  const name = networkOf(ip)
  return OWN_MACHINE.has(name) ? undefined : name
}
