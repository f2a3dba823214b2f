import type { Log } from '../../../base/log.ts'
import type { CommitteeMember, Committees } from '../../../chain/types/index.ts'
import {
  type Codec,
  encodingParams,
  pairOfShard,
  type SliverBytes,
  type SliverOfBlob,
  sliverLength,
} from '../../../codec/index.ts'
import type { ObjectId, ShardIndex, SliverPairIndex } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { ShardedSliverStore } from '../store/shard-slivers.ts'
import type { PeerPauses } from './peer-pauses.ts'
import { type Ask, planAsks, type SymbolPeer, symbolPeers } from './plan-symbols.ts'
import type { Patient } from './recovery.ts'

export interface GatherPrimariesComponents {
  nodeId: ObjectId
  nShards: number
  peers: Pick<PeerClient, 'fetch'>
  book: Pick<PeerBook, 'address' | 'failed' | 'ranked'>
  pauses: PeerPauses
  codec: Pick<Codec, 'verifySlivers'>
  slivers: Pick<ShardedSliverStore, 'list' | 'get'>
  accuse: (member: CommitteeMember, what: string, details: object) => void
  /** So many bytes have come. */
  received: (bytes: number) => void
  log: Log
}

/** Where primary slivers of a blob are kept, one of each pair. */
export interface PrimariesSink {
  readonly pairs: { has(pair: SliverPairIndex): boolean; readonly size: number }
  /** Keeps one that was verified and is not there yet. */
  put(sliver: SliverBytes): Promise<void>
}

/** Nodes that are asked at a time, as far as what they send may be held. */
const PARALLEL = 8
/** Slivers that are on their way from one node, and those that it has sent and nobody has looked at. */
const HELD_OF_EACH = 2
/** What is verified together: from some number of bytes on nothing is gained. */
const TOGETHER_BYTES = 1024 * 1024

/**
 * Brings as many primary slivers as are needed to decode into the sink, each verified; false when there are fewer. No more than
 * `heldBytes` are in memory meanwhile, or two slivers where these are larger. Rejects with the signal's reason, or as the sink does.
 */
export async function gatherPrimaries(
  components: GatherPrimariesComponents,
  patient: Patient,
  committees: Committees,
  { sink, heldBytes, signal }: { sink: PrimariesSink; heldBytes: number; signal: AbortSignal },
): Promise<boolean> {
  const { nShards, nodeId, book, pauses } = components
  const { blobId, metadata } = patient
  const need = encodingParams(nShards).primarySymbols
  await takeOwn(components, patient, { sink, need, signal })
  const sliverBytes = HELD_OF_EACH * sliverLength(nShards, metadata.unencodedLength, 'primary')
  const atOnce = Math.max(1, Math.min(PARALLEL, Math.floor(heldBytes / sliverBytes)))
  const peers: SymbolPeer[] = symbolPeers(committees, nodeId, members => book.ranked(members))
  const asked = new Set<string>()
  while (sink.pairs.size < need) {
    const isFree = (member: CommitteeMember, shard: ShardIndex): boolean =>
      !pauses.isPaused(member) &&
      !asked.has(`${member.nodeId}/${shard}`) &&
      !sink.pairs.has(pairOfShard(shard, blobId, nShards))
    const asks = planAsks({ lacks: [need - sink.pairs.size], peers, most: atOnce, isFree })
    if (asks.length === 0) return false
    for (const { member, sources } of asks)
      for (const source of sources) asked.add(`${member.nodeId}/${source}`)
    const answers = asks.map(ask => takeFrom(components, patient, ask, sink, signal))
    for (const end of await Promise.allSettled(answers)) if (end.status === 'rejected') throw end.reason
  }
  return true
}

async function takeOwn(
  { slivers }: GatherPrimariesComponents,
  { blobId }: Patient,
  { sink, need, signal }: { sink: PrimariesSink; need: number; signal: AbortSignal },
): Promise<void> {
  for (const ref of await slivers.list(blobId)) {
    if (ref.axis !== 'primary' || sink.pairs.has(ref.pair) || sink.pairs.size === need) continue
    const bytes = await slivers.get(blobId, ref, { signal })
    if (bytes !== undefined) await sink.put({ ref, bytes })
  }
}

/** What one node does not give another one may. */
async function takeFrom(
  components: GatherPrimariesComponents,
  patient: Patient,
  { member, sources }: Ask,
  sink: PrimariesSink,
  signal: AbortSignal,
): Promise<void> {
  const { peers, book, pauses, nShards, received, log } = components
  const { blobId, metadata } = patient
  const maxBytes = sliverLength(nShards, metadata.unencodedLength, 'primary')
  const items = sources.map(shard => {
    const ref = { pair: pairOfShard(shard, blobId, nShards), axis: 'primary' as const }
    return { blobId, ref, maxBytes }
  })
  let failure: unknown
  const arrived: SliverOfBlob[] = []
  let held = 0
  const keep = async (): Promise<void> => {
    held = 0
    for (const sliver of await rightOf(components, member, arrived.splice(0), signal))
      if (!sink.pairs.has(sliver.ref.pair)) await sink.put(sliver)
  }
  const steps = peers.fetch(book.address(member), items, { signal })[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await steps.next().catch(error => {
        failure = error
        return undefined
      })
      if (next === undefined || next.done) break
      const { ref, bytes } = next.value
      if (bytes === undefined) continue
      received(bytes.length)
      arrived.push({ ref, bytes, metadata })
      held += bytes.length
      if (held >= TOGETHER_BYTES) await keep()
    }
    await keep()
  } finally {
    await steps.return?.(undefined)
  }
  if (failure === undefined) return pauses.answered(member)
  signal.throwIfAborted()
  book.failed(member)
  if (failure instanceof ProtocolError) pauses.failed(member, failure)
  log.debug({ nodeId: member.nodeId, err: failure }, 'primary slivers were not got from a node')
}

async function rightOf(
  { codec, accuse }: GatherPrimariesComponents,
  member: CommitteeMember,
  arrived: readonly SliverOfBlob[],
  signal: AbortSignal,
): Promise<SliverBytes[]> {
  if (arrived.length === 0) return []
  const errors = await codec.verifySlivers(arrived, { signal })
  for (const [i, { ref, metadata }] of arrived.entries())
    if (errors[i] !== undefined) accuse(member, 'sliver', { blobId: metadata.blobId, ...ref, err: errors[i] })
  return arrived.filter((_, i) => errors[i] === undefined)
}
