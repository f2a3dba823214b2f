import type { Multiaddr } from '@multiformats/multiaddr'
import { networkOf } from '../../../base/ip.ts'
import { relayOf } from '../circuit/network.ts'
import { type PathKind, pathKind } from './path-kind.ts'

/** What decides, on the side that dials, which addresses are worth a try. */
export interface OwnNetwork {
  /** IP addresses by which others see this node; none are known to most clients */
  outer: readonly string[]
  /** The whole network is in private addresses: a devnet, one in an office. */
  isPrivate: boolean
  /** how good a relay is, by its PeerId: the lower the better; undefined of one that is not known */
  relayScore?: ((relay: string) => number | undefined) | undefined
}

/** Addresses of one peer that are dialled at most: a node has one or two of each kind; more is somebody else's word. */
export const MAX_CANDIDATES = 8

/** Between good relays and bad ones. */
const UNKNOWN_RELAY_MS = 500

/**
 * The order in which to try the addresses of one peer, from all sources: those of the same network, public IPv6, public
 * IPv4, relayed ones, over the best relay first; within a kind as they came, each once: a record names last what a router passes on for as
 * long as it remembers. Private addresses are left out unless both ends are seen
 * under one outer IP, or the network is private as a whole: elsewhere they are somebody else's machine. Loopback is only of the latter.
 */
export function rankPaths(addresses: readonly Multiaddr[], own: OwnNetwork): Multiaddr[] {
  const distinct = [...new Map(addresses.map(address => [address.toString(), address])).values()]
  const candidates = distinct.map(address => ({ address, kind: pathKind(address) }))
  const isHome = own.isPrivate || sharesOuter(candidates, own)
  const ranked = candidates.flatMap(({ address, kind }) => {
    // that both have one outer IP is but the peer's word, and no reason to dial this machine's own services
    const rank = rankOf(kind, kind.scope === 'loopback' ? own.isPrivate : isHome)
    if (rank === undefined) return []
    const score = kind.relayed ? own.relayScore?.(relayOf(address) ?? '') : undefined
    return [{ address, rank, score: score ?? UNKNOWN_RELAY_MS }]
  })
  // sort keeps the order of equals
  return ranked
    .sort((a, b) => a.rank - b.rank || a.score - b.score)
    .slice(0, MAX_CANDIDATES)
    .map(({ address }) => address)
}

/** Whether the peer has an address of an IP by which this node is seen as well. */
function sharesOuter(candidates: readonly { kind: PathKind }[], { outer }: OwnNetwork): boolean {
  const ours = new Set(outer.map(networkOf))
  return candidates.some(
    ({ kind }) => !kind.relayed && kind.scope === 'public' && ours.has(networkOf(kind.host)),
  )
}

function rankOf({ relayed, scope, family }: PathKind, isHome: boolean): number | undefined {
  const isNear = scope === 'private' || scope === 'loopback'
  if (isNear ? !isHome : scope !== 'public') return undefined
  if (relayed) return 3
  if (isNear) return 0
  return family === 6 ? 1 : 2
}
