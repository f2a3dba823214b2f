import { parseIP } from '@chainsafe/is-ip/parse'

/**
 * The network that one customer gets, to count what comes from it: an IPv4 address in dots, also one that is mapped into
 * IPv6, as a socket that takes both has it; of an IPv6 address the first 64 bits as four groups. `::1` stands for itself.
 * Undefined for what is no IP address.
 */
export function networkOf(ip: string): string | undefined {
  const bytes = parseIP(ip)
  if (bytes === undefined) return undefined
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.subarray(0, 10).every(byte => byte === 0)) {
    if (bytes[10] === 0xff && bytes[11] === 0xff) return bytes.subarray(12).join('.')
    if (bytes.subarray(10, 15).every(byte => byte === 0) && bytes[15] === 1) return '::1'
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return [0, 2, 4, 6].map(at => view.getUint16(at).toString(16)).join(':')
}
