import { type LookupAddress, lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { Multiaddr } from '@multiformats/multiaddr'
import { ipScope } from '../../../base/ip.ts'
import { pathKind } from './path-kind.ts'

/** Whether an address begins with an IP that is not everybody's: outside of its network it is somebody else's machine. */
export function leadsInside(address: Multiaddr): boolean {
  const { host, scope } = pathKind(address)
  return host !== '' && scope !== 'public'
}

/** All IP addresses of a name; node's `dns.lookup`, or a test's. */
export type LookupAll = (
  name: string,
  options: { all: true; family?: number | 'IPv4' | 'IPv6' | undefined },
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Looks up a name for a socket, and leaves out what is no public IP address: names are other peers' word, as addresses are, and whoever
 * owns one has it lead wherever he likes, anew at each question. Fails with the code ENOTFOUND where nothing is left.
 */
export function publicLookup(lookupAll: LookupAll = lookup): LookupFunction {
  return (name, { all, family }, done) => {
    lookupAll(name, { all: true, family }, (error, addresses) => {
      const found = error === null ? addresses.filter(({ address }) => ipScope(address) === 'public') : []
      const [first] = found
      if (first === undefined) done(error ?? notPublic(name), '')
      else if (all === true) done(null, found)
      else done(null, first.address, first.family)
    })
  }
}

function notPublic(name: string): NodeJS.ErrnoException {
  const error = new Error(`${name} has no public IP address: one that it has is dialled by that address only`)
  return Object.assign(error, { code: 'ENOTFOUND' })
}
