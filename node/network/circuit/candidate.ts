import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { pathKind } from '../paths/path-kind.ts'
import { relayNetwork, relayOf } from './network.ts'
import type { RelayState } from './plan.ts'
import { CIRCUIT_LISTEN } from './transport.ts'

/** A relay that a keeper knows, and how it stands with it. */
export interface Candidate extends RelayState {
  /** at which it is dialled; the first is told in its standing */
  readonly known: Multiaddr[]
  /** by what others say, and not by the operator: it is forgotten when it cannot be used */
  readonly isHearsay: boolean
  connection: Connection | undefined
  /** of this node over it, without its own PeerId */
  addresses: Multiaddr[]
  /** the reservation is asked for anew then, and over then; monotonic ms */
  renewAt: number
  expiresAt: number
  failures: number
  latencyMs: number | undefined
  load: number | undefined
  reason: string | undefined
}

/** Of a node over one relay, and of a relay in all that is told of it. */
const MAX_ADDRESSES = 4

/** What was only heard of, and could not be used so often in a row, is forgotten, and may be heard of again. */
const MAX_FAILURES = 5

/** Whether nothing is lost with it. */
export function isForgettable({ isHearsay, held, chosen, asking, failures }: Candidate): boolean {
  return isHearsay && held === undefined && !chosen && !asking && failures > 0
}

export function isHopeless(candidate: Candidate): boolean {
  return isForgettable(candidate) && candidate.failures >= MAX_FAILURES
}

export function newCandidate(id: string, address: Multiaddr, isHearsay: boolean): Candidate {
  return {
    id,
    known: [address],
    isHearsay,
    network: relayNetwork(address),
    held: undefined,
    chosen: false,
    goneAt: undefined,
    asking: false,
    notBefore: Number.NEGATIVE_INFINITY,
    score: undefined,
    betterSince: undefined,
    connection: undefined,
    addresses: [],
    renewAt: 0,
    expiresAt: 0,
    failures: 0,
    latencyMs: undefined,
    load: undefined,
    reason: undefined,
  }
}

/** Another address of a relay: it has one of each family. */
export function addKnown({ known }: Candidate, address: Multiaddr): void {
  if (known.length < MAX_ADDRESSES && !known.some(one => one.equals(address))) known.push(address)
}

/**
 * Where this node is called over the relay: at the addresses by which it is known, and at those that it tells of the hosts at which
 * it was reached or is known. Others would be its word only, and whoever calls this node would knock there.
 */
export function addressesOver(
  { id, known }: Pick<Candidate, 'id' | 'known'>,
  { remoteAddr }: Pick<Connection, 'remoteAddr'>,
  told: readonly Uint8Array[],
): Multiaddr[] {
  const hosts = new Set([remoteAddr, ...known].map(hostOf))
  const own = told.flatMap(bytes => {
    const one = readAddress(bytes, id)
    return one !== undefined && hosts.has(hostOf(one)) ? [one.toString()] : []
  })
  const different = [...new Set([...known.map(String), ...own])].slice(0, MAX_ADDRESSES)
  return different.map(one => multiaddr(`${one}${CIRCUIT_LISTEN}`))
}

/** With its PeerId; undefined when it is none of that relay's own. */
function readAddress(bytes: Uint8Array, id: string): Multiaddr | undefined {
  try {
    const one = multiaddr(bytes)
    if (one.getComponents().some(({ name }) => name === 'p2p-circuit')) return undefined
    const peer = relayOf(one)
    if (peer === undefined) return one.encapsulate(`/p2p/${id}`)
    return peer === id ? one : undefined
  } catch {
    return undefined
  }
}

const hostOf = (address: Multiaddr): string => pathKind(address).host
