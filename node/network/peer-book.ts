import type { Clock } from '../../base/clock.ts'
import type { CommitteeMember, NetworkConfig } from '../../chain/types/index.ts'
import type { PeerAddress } from '../../protocols/index.ts'

/** How a client finds committee members, and what it remembers of how fast they are. */
export interface PeerBook {
  /** Nowhere (dialling it is UNREACHABLE) when the member's network key is none. */
  address(member: CommitteeMember): PeerAddress
  /** Members in the order in which to ask them: fast ones first, then unknown ones at random, failing ones last. */
  ranked(members: readonly CommitteeMember[]): CommitteeMember[]
  /** How long an answer of this member usually takes; undefined when never seen. */
  expectedMs(member: CommitteeMember): number | undefined
  answered(member: CommitteeMember, durationMs: number): void
  failed(member: CommitteeMember): void
  /** How many are asked last for now, as they have failed lately. */
  backingOff(): number
}

export interface PeerBookInit {
  network: NetworkConfig
  /** PeerId as text of a network public key; undefined when it is none */
  peerIdOf: (networkPublicKey: Uint8Array) => string | undefined
  clock: Pick<Clock, 'monotonic'>
  random: () => number
}

/** Newer answers count for this share of the memory. */
const WEIGHT = 0.3
/** What an unknown peer is assumed to take: between a good and a bad one, so that it is tried before the bad ones. */
const UNKNOWN_MS = 50
/** A failure weighs as much as this, and is forgotten by half in each half-life. */
const FAILURE_MS = 5_000
const FAILURE_HALF_LIFE_MS = 15_000
/** One that failed 30 s ago is not said to be backing off any more. */
const BACKING_OFF_MS = FAILURE_MS / 4

/** of a member that has made itself unreachable */
const NOWHERE: PeerAddress = { peerId: 'none', multiaddrs: [] }

interface Memory {
  latencyMs?: number
  penaltyMs: number
  failedAt: number
}

export function createPeerBook({ network, peerIdOf, clock, random }: PeerBookInit): PeerBook {
  const memories = new Map<string, Memory>()
  // by the member as the chain had it when it was read: a later reading may bring other addresses
  const addresses = new WeakMap<CommitteeMember, PeerAddress>()
  const hints = new Map(network.peers.map(({ peerId, multiaddrs }) => [peerId, multiaddrs]))

  const memoryOf = ({ nodeId }: CommitteeMember): Memory => {
    const memory = memories.get(nodeId) ?? { penaltyMs: 0, failedAt: 0 }
    memories.set(nodeId, memory)
    return memory
  }
  const penalty = ({ penaltyMs, failedAt }: Memory): number =>
    penaltyMs * 0.5 ** ((clock.monotonic() - failedAt) / FAILURE_HALF_LIFE_MS)
  const score = (member: CommitteeMember): number => {
    const memory = memoryOf(member)
    // some jitter spreads readers over equally fast peers
    return (memory.latencyMs ?? UNKNOWN_MS) * (1 + random() / 4) + penalty(memory)
  }

  return {
    address(member) {
      const known = addresses.get(member)
      if (known !== undefined) return known
      const peerId = peerIdOf(member.networkPublicKey)
      const address =
        peerId === undefined
          ? NOWHERE
          : { peerId, multiaddrs: [...new Set([...member.multiaddrs, ...(hints.get(peerId) ?? [])])] }
      addresses.set(member, address)
      return address
    },
    ranked(members) {
      const scored = members.map(member => ({ member, score: score(member) }))
      return scored.sort((a, b) => a.score - b.score).map(({ member }) => member)
    },
    expectedMs: member => memories.get(member.nodeId)?.latencyMs,
    answered(member, durationMs) {
      const memory = memoryOf(member)
      memory.latencyMs =
        memory.latencyMs === undefined ? durationMs : memory.latencyMs * (1 - WEIGHT) + durationMs * WEIGHT
      memory.penaltyMs = penalty(memory) / 2
      memory.failedAt = clock.monotonic()
    },
    backingOff: () => [...memories.values()].filter(memory => penalty(memory) > BACKING_OFF_MS).length,
    failed(member) {
      const memory = memoryOf(member)
      memory.penaltyMs = penalty(memory) + FAILURE_MS
      memory.failedAt = clock.monotonic()
    },
  }
}
