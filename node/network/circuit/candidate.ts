import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { pathKind } from '../paths/path-kind.ts'
import { relayNetwork } from './network.ts'
import type { RelayState } from './plan.ts'
import { CIRCUIT_LISTEN } from './transport.ts'

/** A relay that a keeper knows, and how it stands with it. */
export interface Candidate extends RelayState {
  /** at which it is dialled; the first is told in its standing */
  readonly known: Multiaddr[]
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

/** The PeerId that a relay's address ends in; undefined where it names none. */
export function relayIdOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast(({ name }) => name === 'p2p')?.value
}

export function newCandidate(id: string, address: Multiaddr): Candidate {
  return {
    id,
    known: [address],
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
    const peer = relayIdOf(one)
    if (peer === undefined) return one.encapsulate(`/p2p/${id}`)
    return peer === id ? one : undefined
  } catch {
    return undefined
  }
}

const hostOf = (address: Multiaddr): string => pathKind(address).host
