import type { Clock } from '../../base/clock.ts'
import type { CircuitReason } from '../../protocols/index.ts'
import type { Guest } from './access.ts'
import { RELAY, type RelayLimits } from './limits.ts'

/** Who calls. */
export interface Caller {
  readonly connection: Guest
  /** IP address (IPv6: /64) that it counts for */
  readonly address: string
}

/** One peer's connection to another through the relay. */
export interface Circuit {
  readonly source: string
  /** of the source */
  readonly connection: Guest
  /** that it counts for; undefined of a member's, which counts for itself */
  readonly address: string | undefined
  readonly target: string
  /** monotonic ms */
  lastByteAt: number
  /** bytes passed on, both directions */
  bytes: number
  /** Ends it, also while it is being made. */
  abort(error: Error): void
}

export interface CircuitsInit {
  limits: () => Pick<
    RelayLimits,
    'circuits' | 'circuitsPerSource' | 'circuitsPerAddress' | 'circuitsPerTarget'
  >
  isMember: (peer: string) => boolean
  clock: Pick<Clock, 'monotonic'>
}

/** The circuits of a relay, also those that are being made. */
export interface Circuits {
  /** Takes a place, or says why there is none. */
  take(source: Caller, target: string): Circuit | CircuitReason
  leave(circuit: Circuit): void
  /** Ends those in which no byte has moved for too long. */
  endIdle(): void
  /** Ends those whose source may use the relay no more. */
  endDenied(mayStay: (guest: Guest) => boolean): void
  endAll(error: Error): void
  readonly size: number
  all(): Iterable<Circuit>
}

/** One that has just begun is not idle yet: it is not pushed out. */
const DISPLACED_AFTER_MS = 10_000

/** Whose circuit goes when there is no place: the lower the earlier. */
const RANKS = { ofStrangers: 0, toMember: 1, ofMember: 2 } as const
type Rank = (typeof RANKS)[keyof typeof RANKS]

/** One address has so much of the circuits to one target at most, members not counted: nobody alone makes a node unreachable. */
const ADDRESS_SHARE = 1 / 2

export function createCircuits({ limits, isMember, clock }: CircuitsInit): Circuits {
  const open = new Set<Circuit>()
  const sources = new Map<string, number>()
  const addresses = new Map<string, number>()
  const targets = new Map<string, number>()
  /** of addresses at targets */
  const shares = new Map<string, number>()
  const idleMs = ({ lastByteAt }: Circuit): number => clock.monotonic() - lastByteAt

  const rankOf = ({ source, target }: Pick<Circuit, 'source' | 'target'>): Rank =>
    isMember(source) ? RANKS.ofMember : isMember(target) ? RANKS.toMember : RANKS.ofStrangers

  /** Makes room for one of that rank, if it may. */
  function displace(rank: Rank): boolean {
    const [longest] = [...open]
      .map(circuit => ({ circuit, rank: rankOf(circuit), idleMs: idleMs(circuit) }))
      .filter(one => mayGo(one, rank))
      .sort((a, b) => a.rank - b.rank || b.idleMs - a.idleMs)
      .map(({ circuit }) => circuit)
    if (longest === undefined) return false
    leave(longest)
    longest.abort(new Error('the place was needed'))
    return true
  }

  function leave(circuit: Circuit): void {
    if (!open.delete(circuit)) return
    add(sources, circuit.source, -1)
    if (circuit.address !== undefined) {
      add(addresses, circuit.address, -1)
      add(shares, `${circuit.address} ${circuit.target}`, -1)
    }
    add(targets, circuit.target, -1)
  }

  return {
    take({ connection, address: from }, target) {
      const { circuits, circuitsPerSource, circuitsPerAddress, circuitsPerTarget } = limits()
      const source = connection.remotePeer.toString()
      const address = isMember(source) ? undefined : from
      if ((sources.get(source) ?? 0) >= circuitsPerSource) return 'source'
      if (address !== undefined && (addresses.get(address) ?? 0) >= circuitsPerAddress) return 'address'
      if ((targets.get(target) ?? 0) >= circuitsPerTarget) return 'target'
      const atTarget = address && `${address} ${target}`
      if (atTarget && (shares.get(atTarget) ?? 0) >= Math.ceil(circuitsPerTarget * ADDRESS_SHARE))
        return 'address'
      if (open.size >= circuits && !displace(rankOf({ source, target }))) return 'full'
      const circuit: Circuit = {
        source,
        connection,
        address,
        target,
        lastByteAt: clock.monotonic(),
        bytes: 0,
        // whoever makes it says how
        abort: () => undefined,
      }
      open.add(circuit)
      add(sources, source, 1)
      if (address !== undefined) add(addresses, address, 1)
      if (atTarget) add(shares, atTarget, 1)
      add(targets, target, 1)
      return circuit
    },
    leave,
    endIdle() {
      for (const circuit of [...open]) {
        if (idleMs(circuit) >= RELAY.idleMs) circuit.abort(new Error('no byte has moved for too long'))
      }
    },
    endDenied(mayStay) {
      for (const circuit of [...open]) {
        if (!mayStay(circuit.connection)) circuit.abort(new Error('the relay is not for it any more'))
      }
    },
    endAll(error) {
      for (const circuit of [...open]) circuit.abort(error)
    },
    get size() {
      return open.size
    },
    all: () => open.values(),
  }
}

/**
 * Whether an idle circuit makes room for one of a higher rank, or of the same one: who has stored once and stays connected would else keep
 * all others out. Members' own stay: their mesh would be dialled again at once.
 */
function mayGo({ rank, idleMs }: { rank: Rank; idleMs: number }, other: Rank): boolean {
  const isLower = rank < other || (rank === other && rank !== RANKS.ofMember)
  return isLower && idleMs > DISPLACED_AFTER_MS
}

function add(counts: Map<string, number>, name: string, change: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + change
  if (count === 0) counts.delete(name)
  else counts.set(name, count)
}
