import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * The IP address to count a connection by: an IPv4 address, or the /64 network of an IPv6 address, which is what one
 * customer gets. Undefined for loopback (the operator's own machine) and for relayed connections, whose address is the
 * relay's.
 */
export function addressToCount(remote: Multiaddr): string | undefined {
  const parts = remote.getComponents()
  if (parts.some(({ name }) => name === 'p2p-circuit')) return undefined
  for (const { name, value } of parts) {
    if (value === undefined) continue
    if (name === 'ip4' || name === 'ip6') return ipToCount(value)
  }
  return undefined
}

/** The same of an IP address as text; an IPv4 address that is mapped into IPv6 may end in dots or in hex. */
export function ipToCount(ip: string): string | undefined {
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1] ?? ip
  if (!dotted.includes(':')) return unlessLoopback(dotted)
  return dotted === '::1' ? undefined : ofIp6(dotted)
}

function unlessLoopback(ip4: string): string | undefined {
  return ip4.startsWith('127.') ? undefined : ip4
}

/** The first 64 bits; an IPv4 address that is mapped into IPv6, as a socket that takes both has it, stands for itself. */
function ofIp6(address: string): string | undefined {
  const groups = groupsOf(address)
  const mapped = groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff
  if (!mapped) {
    return groups
      .slice(0, 4)
      .map(group => group.toString(16))
      .join(':')
  }
  const [high = 0, low = 0] = groups.slice(6)
  return unlessLoopback([high >> 8, high & 0xff, low >> 8, low & 0xff].join('.'))
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
