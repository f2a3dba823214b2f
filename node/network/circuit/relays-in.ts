import { multiaddr } from '@multiformats/multiaddr'
import { CIRCUIT_LISTEN } from './transport.ts'

/** Relays of one peer that are looked at: it has two or three reservations, and may name sixteen addresses. */
const MAX_RELAYS = 3

/** The addresses of the relays by which a peer says that it is called; those of three relays at most. */
export function relaysIn(multiaddrs: readonly string[]): string[] {
  const relays = new Set<string>()
  const found = new Set<string>()
  for (const text of multiaddrs) {
    const at = text.indexOf(CIRCUIT_LISTEN)
    if (at < 0) continue
    const address = text.slice(0, at)
    const relay = multiaddr(address)
      .getComponents()
      .findLast(({ name }) => name === 'p2p')?.value
    if (relay === undefined || (relays.size >= MAX_RELAYS && !relays.has(relay))) continue
    relays.add(relay)
    found.add(address)
  }
  return [...found]
}
