import { ipScope } from '../../base/ip.ts'

/** Whether nothing but this machine reaches what listens on an IP address. */
export function isOnlyHere(host: string): boolean {
  return ipScope(host) === 'loopback'
}
