import { parseIP } from '@chainsafe/is-ip/parse'

/**
 * The network that one customer gets, to count what comes from it: an IPv4 address in dots, also one that is mapped into
 * IPv6, as a socket that takes both has it; of an IPv6 address the first 64 bits as four groups. `::1` stands for itself.
 * So does what is no IP address.
 */
export function networkOf(ip: string): string {
  const bytes = parseIP(ip)
  if (bytes === undefined) return ip
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.subarray(0, 10).every(byte => byte === 0)) {
    if (bytes[10] === 0xff && bytes[11] === 0xff) return bytes.subarray(12).join('.')
    if (bytes.subarray(10, 15).every(byte => byte === 0) && bytes[15] === 1) return '::1'
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return [0, 2, 4, 6].map(at => view.getUint16(at).toString(16)).join(':')
}

/** 4 or 16 bytes of an IP address as text; undefined for what is none. */
export function ipToBytes(ip: string): Uint8Array | undefined {
  return parseIP(ip)
}

/** An IP address of 4 or 16 bytes: in dots, or as eight groups in hex. The same address is always the same text. */
export function ipFromBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  return Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16)).join(':')
}

/** Who can be reached at an IP address: everybody, those of the same network, one's own machine, or nobody in particular. */
export type IpScope = 'public' | 'private' | 'link-local' | 'loopback' | 'multicast' | 'reserved'

/** One that is mapped into IPv6 counts as the IPv4 address that it is. `reserved` for what is no address. */
export function ipScope(ip: string): IpScope {
  const bytes = parseIP(ip)
  if (bytes === undefined) return 'reserved'
  if (bytes.length === 4) return scopeOfV4(bytes)
  const isMapped = bytes.subarray(0, 10).every(byte => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  return isMapped ? scopeOfV4(bytes.subarray(12)) : scopeOfV6(bytes)
}

function scopeOfV4(bytes: Uint8Array): IpScope {
  const [a = 0, b = 0] = bytes
  if (a === 127) return 'loopback'
  if (a === 10 || (a === 192 && b === 168) || (a === 172 && b >> 4 === 1)) return 'private'
  // what a carrier gives its customers behind its own NAT
  if (a === 100 && b >> 6 === 1) return 'private'
  if (a === 169 && b === 254) return 'link-local'
  if (a >= 240 || a === 0) return 'reserved'
  return a >= 224 ? 'multicast' : 'public'
}

function scopeOfV6(bytes: Uint8Array): IpScope {
  const [a = 0, b = 0] = bytes
  if (bytes.subarray(0, 15).every(byte => byte === 0) && bytes[15] === 1) return 'loopback'
  if (a === 0xff) return 'multicast'
  if (a === 0xfe && b >> 6 === 0b10) return 'link-local'
  if (a >> 1 === 0b1111110) return 'private'
  // an IPv4 address in disguise (6to4) may be anybody's
  const isDisguised = a === 0x20 && b === 0x02
  return a >> 5 === 1 && !isDisguised ? 'public' : 'reserved'
}
