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
    if (name === 'ip4') return value.startsWith('127.') ? undefined : value
    if (name === 'ip6') return value === '::1' ? undefined : networkOf(value)
  }
  return undefined
}

/** The first 64 bits of an IPv6 address in full length; an IPv4 address that is mapped into it stands for itself. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)
  if (mapped) return mapped[1]!
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap: string[] = Array(Math.max(0, 8 - before.length - after.length)).fill('0')
  return [...before, ...(tail === undefined ? [] : gap), ...after].slice(0, 4).join(':')
}
