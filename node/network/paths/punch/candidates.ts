import { ipScope, networkOf } from '../../../../base/ip.ts'
import { MAX_PUNCH_CANDIDATES, PUNCH, type PunchCandidate } from '../../../../protocols/index.ts'

/** How this side looks from outside, and what it is called in its own network. */
export interface OwnCandidates {
  outer: readonly PunchCandidate[]
  inner: readonly PunchCandidate[]
}

/** Which IP addresses may be dialled as another peer's word. */
export type CandidateRule = (ip: string, isSameNetwork: boolean) => boolean

/** Public ones; private ones only of a peer that has the same outer address, as elsewhere they are somebody else's machine. */
export const publicOrHome: CandidateRule = (ip, isSameNetwork) => {
  const scope = ipScope(ip)
  return scope === 'public' || (scope === 'private' && isSameNetwork)
}

/**
 * Which of a peer's candidates are worth a SYN: the same network first, then IPv6, then IPv4; each once, of a kind that this side
 * has as well, and nobody's service: below port 1024, in one's own network below those that systems give to who connects.
 */
export function allowedCandidates(
  theirs: readonly PunchCandidate[],
  own: OwnCandidates,
  { isHome, rule = publicOrHome }: { isHome: boolean; rule?: CandidateRule | undefined },
): PunchCandidate[] {
  const ours = new Set([...own.outer, ...own.inner].map(keyOf))
  const found = new Map<string, PunchCandidate>()
  for (const one of theirs) {
    const isOurKind = own.outer.some(({ ip }) => isV6(ip) === isV6(one.ip))
    if (one.port < leastPort(one.ip) || !isOurKind || ours.has(keyOf(one)) || !rule(one.ip, isHome)) continue
    found.set(keyOf(one), one)
  }
  return [...found.values()].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, MAX_PUNCH_CANDIDATES)
}

/** What a peer is told: where this side is in its own network only if the peer is in the same. */
export function candidatesFor(own: OwnCandidates, isHome: boolean): PunchCandidate[] {
  if (!isHome) return [...own.outer]
  const outer = new Set(own.outer.map(keyOf))
  return [...own.outer, ...own.inner.filter(one => !outer.has(keyOf(one)))].slice(0, MAX_PUNCH_CANDIDATES)
}

/** Whether both are seen under one outer IP (IPv6: one /64), by what the peer says of itself. */
export function isSameNetwork(theirs: readonly PunchCandidate[], { outer }: OwnCandidates): boolean {
  const ours = new Set(outer.map(({ ip }) => networkOf(ip)))
  return theirs.some(({ ip }) => ours.has(networkOf(ip)))
}

const leastPort = (ip: string): number => (ipScope(ip) === 'private' ? PUNCH.leastInnerPort : PUNCH.leastPort)

export const isV6 = (ip: string): boolean => ip.includes(':')
const keyOf = ({ ip, port }: PunchCandidate): string => `${ip} ${port}`
const rankOf = ({ ip }: PunchCandidate): number => (ipScope(ip) !== 'public' ? 0 : isV6(ip) ? 1 : 2)
