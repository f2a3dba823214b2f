import type { Multiaddr } from '@multiformats/multiaddr'

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
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1] ?? ip
  return dotted.includes(':') && dotted !== '::1' ? ofIp6(dotted) : dotted
}

/** The first 64 bits; an IPv4 address that is mapped into IPv6, as a socket that takes both has it, stands for itself. */
function ofIp6(address: string): string {
  const groups = groupsOf(address)
  const mapped = groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff
  if (!mapped) {
    return groups
      .slice(0, 4)
      .map(group => group.toString(16))
      .join(':')
  }
  const [high = 0, low = 0] = groups.slice(6)
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}

/** The eight 16-bit groups of an IPv6 address in hex notation, which is how multiaddrs normalize it. */
function groupsOf(address: string): number[] {
  const parse = (part: string | undefined): number[] =>
    part === undefined || part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16))
  const [head, tail] = address.split('::')
  const before = parse(head)
  const after = parse(tail)
  return [...before, ...new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after]
}
