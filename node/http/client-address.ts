import type { Socket } from 'node:net'
import { ipToCount } from '../../protocols/index.ts'

/**
 * Whom a connection counts for: an IPv4 address, or the /64 network of an IPv6 address. Each address of the own machine
 * counts for itself: pages and proxies there are as many strangers, and none of them may keep out the others.
 */
export function clientAddress({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string {
  return ipToCount(remoteAddress) ?? remoteAddress.replace(/^::ffff:/i, '')
}
