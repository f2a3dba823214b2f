import type { Multiaddr } from '@multiformats/multiaddr'
import { pathKind } from '../paths/path-kind.ts'

/** An address at which others have reached this node, without its PeerId. */
export interface ReachedAddress {
  address: string
  /** A router passes it on for as long as it remembers. */
  mapped: boolean
}

/**
 * Where others are told that this node is, the best first, as who dials keeps the order of equals (`rankPaths`): at its own addresses, at those
 * where others have reached it, of these the ones last that a router may forget, and over relays.
 */
export function announced(own: readonly Multiaddr[], reached: readonly ReachedAddress[]): string[] {
  const direct = own.filter(address => !pathKind(address).relayed).map(String)
  const relayed = own.filter(address => pathKind(address).relayed).map(String)
  const stable = reached.filter(({ mapped }) => !mapped)
  const forgotten = reached.filter(({ mapped }) => mapped)
  const tried = [...stable, ...forgotten].map(({ address }) => address)
  const isNew = (address: string): boolean =>
    !direct.some(one => one === address || one.startsWith(`${address}/`))
  return [...direct, ...tried.filter(isNew), ...relayed]
}
