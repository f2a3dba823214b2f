import type { Multiaddr } from '@multiformats/multiaddr'
import { type IpScope, ipScope } from '../../../base/ip.ts'

/** What an address says of the path to it. */
export interface PathKind {
  /** through a relay, whose IP the address begins with */
  relayed: boolean
  /** what it begins with: an IP address, or a name of DNS */
  host: string
  /** `reserved` where no IP or name stands first; a name is `public`: only public addresses of it are dialled (`publicLookup`) */
  scope: IpScope
  /** a name that says no family counts as IPv4 */
  family: 4 | 6
}

const NOWHERE: PathKind = { relayed: false, host: '', scope: 'reserved', family: 4 }

/** The kind of path that a multiaddr names. */
export function pathKind(address: Multiaddr): PathKind {
  const parts = address.getComponents()
  const [first] = parts
  if (first?.value === undefined) return NOWHERE
  const relayed = parts.some(({ name }) => name === 'p2p-circuit')
  const isIp = first.name === 'ip4' || first.name === 'ip6'
  if (!isIp && !first.name.startsWith('dns')) return NOWHERE
  const scope = isIp ? ipScope(first.value) : 'public'
  return { relayed, host: first.value, scope, family: /6$/.test(first.name) ? 6 : 4 }
}
