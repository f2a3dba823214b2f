import type { Log } from '../../../base/log.ts'
import type { CommitteeMember, Committees } from '../../../chain/types/index.ts'
import { type Codec, sliverLength } from '../../../codec/index.ts'
import type { BlobId, ObjectId, ShardIndex, SliverRef } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { Budget } from '../budget.ts'
import type { FormerOwner, ShardRecord } from '../store/node-records.ts'
import type { NewSliver, ShardedSliverStore } from '../store/shard-slivers.ts'
import { sliversOfShard } from './missing.ts'
import type { PeerPauses } from './peer-pauses.ts'
import type { Cure, Patient } from './recovery.ts'

export interface FromOwnersComponents {
  nodeId: ObjectId
  nShards: number
  peers: Pick<PeerClient, 'fetch'>
  book: Pick<PeerBook, 'address'>
  pauses: PeerPauses
  codec: Pick<Codec, 'verifySlivers'>
  slivers: Pick<ShardedSliverStore, 'putMany'>
  /** what the node has to do with shards, at any time */
  shards: () => ReadonlyMap<ShardIndex, Pick<ShardRecord, 'former'>>
  accuse: (member: CommitteeMember, what: string, details: object) => void
  budget: Budget
  log: Log
}

interface Wanted {
  blobId: BlobId
  ref: SliverRef
  maxBytes: number
  patient: Patient
}

/** Slivers of one owner are stored when so many bytes of them have come; so many owners are asked at a time. */
const FLUSH_BYTES = 8 * 1024 * 1024
const OWNERS = 8

/**
 * Missing slivers as they are, from nodes that have the same shards in another epoch, and from those that had them when this node
 * got them: they may have been away, or slow, and keep them for a while.
 */
export function cureFromOwners(components: FromOwnersComponents): Cure {
  const { nodeId, nShards, pauses, budget, codec, log } = components
  return {
    async heal(patients, committees, signal) {
      const owners = ownersBesides(committees, nodeId)
      for (const [shard, { former }] of components.shards())
        if (former !== undefined) addOwner(owners, shard, memberOf(former, committees))
      const asked = new Map<CommitteeMember, Wanted[]>()
      for (const patient of patients) {
        for (const shard of patient.shards) {
          for (const owner of owners.get(shard) ?? []) {
            const list = asked.get(owner) ?? []
            asked.set(owner, list)
            for (const ref of sliversOfShard(shard, patient.blobId, nShards)) {
              const maxBytes = sliverLength(nShards, patient.metadata.unencodedLength, ref.axis)
              list.push({ blobId: patient.blobId, ref, maxBytes, patient })
            }
          }
        }
      }
      const left = asked.entries()
      const work = async (): Promise<void> => {
        for (const [owner, wanted] of left) {
          if (pauses.isPaused(owner)) continue
          try {
            await budget.within(wanted[0]!.patient.urgency, FLUSH_BYTES, signal, grant => {
              const received = (bytes: number): void => grant.spent({ bytes })
              const metered = { ...components, codec: grant.timing(codec), received }
              return fetchFrom(metered, owner, wanted, signal)
            })
            pauses.answered(owner)
          } catch (error) {
            signal.throwIfAborted()
            // a failure of this side, as of its disk, is not the owner's
            if (error instanceof ProtocolError) pauses.failed(owner, error)
            log.debug({ nodeId: owner.nodeId, err: error }, 'slivers were not got from their other owner')
          }
        }
      }
      await Promise.all(Array.from({ length: OWNERS }, work))
    },
  }
}

async function fetchFrom(
  {
    peers,
    book,
    codec,
    slivers,
    accuse,
    received,
  }: FromOwnersComponents & { received: (bytes: number) => void },
  owner: CommitteeMember,
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<void> {
  let batch: (NewSliver & Pick<Patient, 'metadata'>)[] = []
  let held = 0
  const flush = async (): Promise<void> => {
    const arrived = batch
    batch = []
    held = 0
    const errors = await codec.verifySlivers(arrived, { signal })
    for (const [i, { blobId, ref }] of arrived.entries())
      if (errors[i] !== undefined) accuse(owner, 'sliver', { blobId, ...ref, err: errors[i] })
    const right = arrived.filter((_, i) => errors[i] === undefined)
    if (right.length > 0) await slivers.putMany(right, { signal })
  }
  try {
    for await (const { item, bytes } of peers.fetch(book.address(owner), wanted, { signal })) {
      if (bytes === undefined) continue
      const { blobId, ref, patient } = item
      batch.push({ blobId, ref, bytes, metadata: patient.metadata })
      held += bytes.length
      received(bytes.length)
      if (held >= FLUSH_BYTES) await flush()
    }
  } finally {
    // what came before a peer broke off is kept
    if (!signal.aborted) await flush()
  }
}

/** Who else has each shard: in the committee before, in the next one. */
function ownersBesides(
  { current, previous, next }: Committees,
  nodeId: ObjectId,
): Map<ShardIndex, CommitteeMember[]> {
  const owners = new Map<ShardIndex, CommitteeMember[]>()
  for (const committee of [previous, current, next]) {
    for (const member of committee?.members ?? []) {
      if (member.nodeId === nodeId) continue
      for (const shard of member.shards) addOwner(owners, shard, member)
    }
  }
  return owners
}

function addOwner(
  owners: Map<ShardIndex, CommitteeMember[]>,
  shard: ShardIndex,
  member: CommitteeMember,
): void {
  const known = owners.get(shard) ?? []
  if (!known.some(other => other.nodeId === member.nodeId)) known.push(member)
  owners.set(shard, known)
}

/** Where it is now if it is in a committee, or where it was. */
function memberOf(former: FormerOwner, { current, previous, next }: Committees): CommitteeMember {
  const members = [current, next, previous].flatMap(committee => committee?.members ?? [])
  return (
    members.find(({ nodeId }) => nodeId === former.nodeId) ?? {
      ...former,
      index: 0,
      networkAddress: '',
      networkPublicKey: Buffer.from(former.networkPublicKey, 'base64'),
      blsPublicKey: new Uint8Array(),
      shards: [],
    }
  )
}
