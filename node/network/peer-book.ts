import type { Clock } from '../../base/clock.ts'
import type { CommitteeMember, NetworkConfig } from '../../chain/types/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import type { PeerAddress } from '../../protocols/index.ts'

/** How a client finds committee members, and what it remembers of how fast they are. */
export interface PeerBook {
  /** Nowhere (dialling it is UNREACHABLE) when the member's network key is none. */
  address(member: CommitteeMember): PeerAddress
  /** Members in the order in which to ask them: fast ones first, then unknown ones at random, failing ones last. */
  ranked(members: readonly CommitteeMember[]): CommitteeMember[]
  /**
   * How long a reader was kept waiting for the next bytes at most in 19 of 20 of the member's last requests; of one that has
   * answered none, what others took, and undefined where nobody has.
   */
  usualWaitMs(member: CommitteeMember): number | undefined
  /** The longest wait for bytes in one request. */
  waited(member: CommitteeMember, durationMs: number): void
  answered(member: CommitteeMember, durationMs: number): void
  failed(member: CommitteeMember): void
  /** How fast those were that have answered and did not fail lately, to be remembered in another run. */
  speeds(): PeerSpeed[]
  /** How many are asked last for now, as they have failed lately. */
  backingOff(): number
}

/** How fast a member was. */
export interface PeerSpeed {
  nodeId: ObjectId
  /** of an answer, the newest counting most */
  latencyMs: number
  /** the longest wait for bytes in each of its last requests, the newest last */
  waitsMs: readonly number[]
}

export interface PeerBookInit {
  network: NetworkConfig
  /** PeerId as text of a network public key; undefined when it is none */
  peerIdOf: (networkPublicKey: Uint8Array) => string | undefined
  clock: Pick<Clock, 'monotonic'>
  random: () => number
  /** of a run before */
  speeds?: readonly PeerSpeed[]
}

/** Newer answers count for this share of the memory. */
const WEIGHT = 0.3
/** An unknown peer is assumed to be so much slower than the middle one of those that are known, and to take so long at least. */
const UNKNOWN_FACTOR = 1.5
const UNKNOWN_MS = 50
/** A failure weighs as much as this, and is forgotten by half in each half-life. */
const FAILURE_MS = 5_000
const FAILURE_HALF_LIFE_MS = 15_000
/** One that failed 30 s ago is not said to be backing off any more. */
const BACKING_OFF_MS = FAILURE_MS / 4

/** of a member that has made itself unreachable */
const NOWHERE: PeerAddress = { peerId: 'none', multiaddrs: [] }

/** Waits that are remembered of a member; of one without any, those of all count, but for no less than this. */
const MAX_WAITS = 40
const UNKNOWN_WAIT_MS = 250

interface Memory {
  latencyMs?: number
  /** the newest last */
  waitsMs: number[]
  penaltyMs: number
  failedAt: number
}

/** The value that `share` of the values do not exceed. */
function shareOf(values: readonly number[], share: number): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1]
}

export function createPeerBook(init: PeerBookInit): PeerBook {
  const { network, peerIdOf, clock, random, speeds = [] } = init
  const memories = new Map<ObjectId, Memory>(
    speeds.map(({ nodeId, latencyMs, waitsMs }) => [
      nodeId,
      { latencyMs, waitsMs: waitsMs.slice(-MAX_WAITS), penaltyMs: 0, failedAt: 0 },
    ]),
  )
  // by the member as the chain had it when it was read: a later reading may bring other addresses
  const addresses = new WeakMap<CommitteeMember, PeerAddress>()
  const hints = new Map(network.peers.map(({ peerId, multiaddrs }) => [peerId, multiaddrs]))

  const memoryOf = ({ nodeId }: CommitteeMember): Memory => {
    const memory = memories.get(nodeId) ?? { waitsMs: [], penaltyMs: 0, failedAt: 0 }
    memories.set(nodeId, memory)
    return memory
  }
  const penalty = ({ penaltyMs, failedAt }: Memory): number =>
    penaltyMs * 0.5 ** ((clock.monotonic() - failedAt) / FAILURE_HALF_LIFE_MS)
  const isBackingOff = (memory: Memory): boolean => penalty(memory) > BACKING_OFF_MS
  /** An unknown peer costs a dial, and is tried before the bad ones. */
  const unknownMs = (): number => {
    const known = [...memories.values()].flatMap(({ latencyMs }) => latencyMs ?? [])
    return Math.max(UNKNOWN_MS, (shareOf(known, 0.5) ?? 0) * UNKNOWN_FACTOR)
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
      const unknown = unknownMs()
      const scored = members.map(member => {
        const memory = memoryOf(member)
        // some jitter spreads readers over equally fast peers
        return { member, score: (memory.latencyMs ?? unknown) * (1 + random() / 4) + penalty(memory) }
      })
      return scored.sort((a, b) => a.score - b.score).map(({ member }) => member)
    },
    usualWaitMs(member) {
      const own = shareOf(memories.get(member.nodeId)?.waitsMs ?? [], 0.95)
      if (own !== undefined) return own
      const others = shareOf(
        [...memories.values()].flatMap(({ waitsMs }) => waitsMs),
        0.95,
      )
      return others === undefined ? undefined : Math.max(UNKNOWN_WAIT_MS, others)
    },
    waited(member, durationMs) {
      const { waitsMs } = memoryOf(member)
      waitsMs.push(durationMs)
      if (waitsMs.length > MAX_WAITS) waitsMs.shift()
    },
    answered(member, durationMs) {
      const memory = memoryOf(member)
      memory.latencyMs =
        memory.latencyMs === undefined ? durationMs : memory.latencyMs * (1 - WEIGHT) + durationMs * WEIGHT
      memory.penaltyMs = penalty(memory) / 2
      memory.failedAt = clock.monotonic()
    },
    speeds: () =>
      Array.from(memories).flatMap(([nodeId, memory]) => {
        const { latencyMs, waitsMs } = memory
        if (latencyMs === undefined || isBackingOff(memory)) return []
        return { nodeId, latencyMs, waitsMs: [...waitsMs] }
      }),
    backingOff: () => [...memories.values()].filter(isBackingOff).length,
    failed(member) {
      const memory = memoryOf(member)
      memory.penaltyMs = penalty(memory) + FAILURE_MS
      memory.failedAt = clock.monotonic()
    },
  }
}
