import type { Multiaddr } from '@multiformats/multiaddr'
import { networkOf } from '../../base/ip.ts'

/** Where everything is on one machine; the other 127.x.y.z stand for themselves, so that one machine can play many. */
const OWN_MACHINE: ReadonlySet<string> = new Set(['127.0.0.1', '::1'])
/** What relayed connections have in common: their address is the relay's. */
const RELAYED = 'relayed'

/**
 * The IP address to count a peer's requests by: an IPv4 address, or the /64 network of an IPv6 address, which is what one
 * customer gets. Undefined for the operator's own machine and for relayed connections.
 */
export function addressToCount(remote: Multiaddr): string | undefined {
  const address = addressOf(remote)
  return address === RELAYED || OWN_MACHINE.has(address) ? undefined : address
}

/** The same, but of every connection, also of the operator's own machine: for what all together may not exhaust. */
export function addressOf(remote: Multiaddr): string {
  const parts = remote.getComponents()
  if (parts.some(({ name }) => name === 'p2p-circuit')) return RELAYED
  for (const { name, value } of parts) {
    if (value !== undefined && (name === 'ip4' || name === 'ip6')) return ipToName(value)
  }
  return RELAYED
}

/** As `addressToCount`, of an IP address as text; one that is mapped into IPv6 may end in dots or in hex. */
export function ipToCount(ip: string): string | undefined {
  const name = ipToName(ip)
  return OWN_MACHINE.has(name) ? undefined : name
}

function ipToName(ip: string): string {
  return networkOf(ip) ?? ip
}
