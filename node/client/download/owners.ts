import { LruMap } from '../../../base/lru-map.ts'
import type { Committee, CommitteeMember, Committees } from '../../../chain/types/index.ts'
import type { BlobId, Epoch, ObjectId, ShardIndex } from '../../../codec/types.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { ClientError, isClientError } from '../errors.ts'
import { type NetworkStatusComponents, networkStatus } from '../network-status.ts'

/** Who has the slivers of a blob. Shards move at the beginning of an epoch: until the next one, a shard may have two owners. */
export interface Owners {
  /** the current one: its weight is what counts */
  readonly committee: Committee
  /** Members of both committees, each once, in the order in which to ask: those of the preferred committee first. */
  readonly order: readonly CommitteeMember[]
  /** Of `order`: who is to be asked for a shard first, and who after that. */
  of(shard: ShardIndex): readonly CommitteeMember[]
}

/**
 * `prefer` is the committee whose members are asked first. The one before the current is known all the time, and its members
 * still hand out the shards that they have lost.
 */
export function ownersIn(
  { current, previous }: Pick<Committees, 'current' | 'previous'>,
  prefer: 'current' | 'previous',
  book: Pick<PeerBook, 'ranked'>,
): Owners {
  const first = (prefer === 'previous' ? previous : undefined) ?? current
  const second = first === current ? previous : current
  // by the newest record: addresses and network keys may have changed
  const members = new Map<ObjectId, CommitteeMember>()
  for (const committee of [previous, current])
    for (const member of committee?.members ?? []) members.set(member.nodeId, member)
  const owners = new Map<ShardIndex, CommitteeMember[]>()
  const order = new Set<CommitteeMember>()
  for (const committee of [first, second]) {
    const present = (committee?.members ?? []).map(({ nodeId }) => members.get(nodeId)!)
    for (const member of book.ranked(present)) order.add(member)
    for (const { nodeId, shards } of committee?.members ?? []) {
      const member = members.get(nodeId)!
      for (const shard of shards) {
        const known = owners.get(shard) ?? []
        if (!known.includes(member)) owners.set(shard, [...known, member])
      }
    }
  }
  return { committee: current, order: [...order], of: shard => owners.get(shard) ?? [] }
}

/** Whether one of those who were asked has another network key or address by now: nobody may have been there where it was. */
function haveMoved(order: Owners['order'], { current, previous }: Committees): boolean {
  const places = new Map(order.map(member => [member.nodeId, placeOf(member)]))
  const members = [...current.members, ...(previous?.members ?? [])]
  return members.some(member => (places.get(member.nodeId) ?? placeOf(member)) !== placeOf(member))
}

const placeOf = ({ networkPublicKey, multiaddrs }: CommitteeMember): string =>
  [...networkPublicKey, ...multiaddrs].join()

export interface OwnersFinder {
  /**
   * Runs what asks the owners of a blob's slivers: again when too few answered, and others are in office by now or can be reached elsewhere. Throws what it
   * throws, ChainError, and the signal's reason.
   */
  ask<T>(
    blobId: BlobId,
    options: { signal?: AbortSignal | undefined },
    run: (owners: Owners) => Promise<T>,
  ): Promise<T>
  /** For one who missed something: those of the committees that the chain has by now, or undefined when these are the same, where they were. */
  renewed(
    owners: Owners,
    blobId: BlobId,
    options: { signal?: AbortSignal | undefined },
  ): Promise<Owners | undefined>
}

/** A wrong guess costs one answer more of those who lack something: that is waited for no longer than others are. */
const GUESS_MS = 200
/** Blobs of which it is remembered by when they were certified: else each read would have to ask all nodes. */
const REMEMBERED = 10_000
/** Misses of many reads ask the chain once in so long. */
const RENEW_MS = 1_000

export function createOwnersFinder(
  components: NetworkStatusComponents & { committees: Pick<CommitteeTracker, 'get'> },
): OwnersFinder {
  const { committees, book, clock } = components
  /** in which epoch, or before */
  const certifiedBy = new LruMap<BlobId, Epoch>(REMEMBERED)
  let renewedAt = Number.NEGATIVE_INFINITY

  /** Until the change is done, what is older than the epoch is surely where it was before. */
  async function preferred(
    { epoch, state, current, previous }: Committees,
    blobId: BlobId,
    signal: AbortSignal | undefined,
  ): Promise<'current' | 'previous'> {
    if (state.kind !== 'sync' || previous === undefined) return 'current'
    return ((await certifiedEpoch(current, blobId, signal)) ?? 0) < epoch ? 'previous' : 'current'
  }
  /** What f+1 of the weight say; undefined when they do not in time. */
  async function certifiedEpoch(
    current: Committee,
    blobId: BlobId,
    signal: AbortSignal | undefined,
  ): Promise<Epoch | undefined> {
    const known = certifiedBy.get(blobId)
    if (known !== undefined) return known
    using limit = clock.deadline(GUESS_MS, [signal])
    const status = await networkStatus(components, current, blobId, { signal: limit.signal }).catch(error => {
      signal?.throwIfAborted()
      if (limit.expired || error instanceof ClientError) return undefined
      throw error
    })
    const told = status?.initialCertifiedEpoch
    if (told !== undefined) certifiedBy.set(blobId, told)
    return told
  }
  const from = async (known: Committees, blobId: BlobId, signal: AbortSignal | undefined): Promise<Owners> =>
    ownersIn(known, await preferred(known, blobId, signal), book)

  const finder: OwnersFinder = {
    async ask(blobId, { signal }, run) {
      const known = await committees.get({ signal })
      const owners = await from(known, blobId, signal)
      try {
        const result = await run(owners)
        // by a node's word: a guess may be wrong
        if (known.state.kind !== 'sync' && certifiedBy.get(blobId) === undefined)
          certifiedBy.set(blobId, known.epoch)
        return result
      } catch (error) {
        if (!isClientError(error, 'TOO_FEW_SHARDS')) throw error
        const newer = await finder.renewed(owners, blobId, { signal })
        if (newer === undefined) throw error
        return await run(newer)
      }
    },
    async renewed({ committee, order }, blobId, { signal }) {
      const fresh = clock.monotonic() - renewedAt >= RENEW_MS
      if (fresh) renewedAt = clock.monotonic()
      const known = await committees.get({ signal, fresh })
      const isNews = known.current.epoch > committee.epoch || haveMoved(order, known)
      return isNews ? await from(known, blobId, signal) : undefined
    },
  }
  return finder
}
