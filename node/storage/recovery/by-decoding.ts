import type { Log } from '../../../base/log.ts'
import { LruMap } from '../../../base/lru-map.ts'
import type { CommitteeMember, Committees } from '../../../chain/types/index.ts'
import {
  type Codec,
  encodingParams,
  pairOfShard,
  type SliverBytes,
  sliverLength,
} from '../../../codec/index.ts'
import type { BlobId, ObjectId, SliverPairIndex } from '../../../codec/types.ts'
import { type Accusation, type PeerClient, ProtocolError } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { Budget } from '../budget.ts'
import type { NewSliver, ShardedSliverStore } from '../store/shard-slivers.ts'
import type { Inconsistencies } from './inconsistencies.ts'
import { sliversOfShard } from './missing.ts'
import type { PeerPauses } from './peer-pauses.ts'
import { type Ask, planAsks, type SymbolPeer, symbolPeers } from './plan-symbols.ts'
import { accusationOfDecoded } from './prove-inconsistency.ts'
import type { Cure, Patient } from './recovery.ts'

export interface DecodingComponents {
  nodeId: ObjectId
  nShards: number
  peers: Pick<PeerClient, 'fetch'>
  book: Pick<PeerBook, 'address' | 'failed' | 'ranked'>
  pauses: PeerPauses
  codec: Pick<Codec, 'verifySlivers' | 'decode' | 'encode' | 'recoverySymbols' | 'proveInconsistency'>
  slivers: Pick<ShardedSliverStore, 'list' | 'get' | 'putMany'>
  inconsistencies: Pick<Inconsistencies, 'knows' | 'found'>
  accuse: (member: CommitteeMember, what: string, details: object) => void
  budget: Budget
  log: Log
}

interface MeteredComponents extends DecodingComponents {
  received: (bytes: number) => void
}

/** Larger ones are left: encoded they take so many times as much memory. */
const LARGEST_BYTES = 64 * 1024 * 1024
const ENCODED = 4.5
const STORED_BYTES = 16 * 1024 * 1024
const PARALLEL = 8
/** Blobs that do not decode to themselves, though no sliver is wrong. */
const WRONG_REMEMBERED = 10_000

/**
 * The whole blob from primary slivers of a third of the shards, encoded anew: for blobs up to 64 MiB of which there are too few
 * secondary slivers to rebuild primary ones.
 */
export function cureByDecoding(components: DecodingComponents): Cure {
  const wrong = new LruMap<BlobId, true>(WRONG_REMEMBERED)
  const healOne = async (
    metered: MeteredComponents,
    patient: Patient,
    committees: Committees,
    signal: AbortSignal,
  ): Promise<void> => {
    const { blobId } = patient
    const found = await primariesOf(metered, patient, committees, signal)
    if (found === undefined) return
    const outcome = await restore(metered, patient, found, signal)
    if (outcome === 'stored') return
    if (outcome !== undefined) return components.inconsistencies.found(outcome)
    wrong.set(blobId, true)
    components.log.error({ blobId }, 'a blob was encoded wrongly: what its slivers decode to is another')
  }
  return {
    async heal(patients, committees, signal) {
      for (const patient of patients) {
        const { blobId, metadata } = patient
        if (metadata.unencodedLength > LARGEST_BYTES || wrong.get(blobId)) continue
        if (components.inconsistencies.knows(blobId)) continue
        await components.budget.within(
          patient.urgency,
          ENCODED * metadata.unencodedLength,
          signal,
          async grant => {
            const codec = grant.timing(components.codec)
            const received = (bytes: number): void => grant.spent({ bytes })
            await healOne({ ...components, codec, received }, patient, committees, signal)
          },
        )
      }
    },
  }
}

/** Otherwise the slivers, each right by itself, are of no blob; undefined when they prove nothing against each other. */
async function restore(
  { codec, slivers, nShards }: DecodingComponents,
  { blobId, metadata, shards }: Patient,
  primaries: readonly SliverBytes[],
  signal: AbortSignal,
): Promise<'stored' | Accusation | undefined> {
  const data = await codec.decode({ metadata, slivers: primaries, verify: false, signal })
  using blob = await codec.encode(data, nShards, { signal })
  if (blob.metadata.blobId !== blobId)
    return await accusationOfDecoded(codec, metadata, primaries, blob, signal)
  const has = new Set((await slivers.list(blobId)).map(({ axis, pair }) => `${axis}/${pair}`))
  let batch: NewSliver[] = []
  let held = 0
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await slivers.putMany(batch, { signal })
    batch = []
    held = 0
  }
  for (const ref of shards.flatMap(shard => sliversOfShard(shard, blobId, nShards))) {
    if (has.has(`${ref.axis}/${ref.pair}`)) continue
    const bytes = blob.sliver(ref)
    batch.push({ blobId, ref, bytes })
    held += bytes.length
    if (held >= STORED_BYTES) await flush()
  }
  await flush()
  return 'stored'
}

/** As many as are needed to decode, each verified; undefined when there are fewer. */
async function primariesOf(
  components: MeteredComponents,
  patient: Patient,
  committees: Committees,
  signal: AbortSignal,
): Promise<SliverBytes[] | undefined> {
  const { nShards, nodeId, slivers, book, pauses, log } = components
  const { blobId } = patient
  const need = encodingParams(nShards).primarySymbols
  const found = new Map<SliverPairIndex, SliverBytes>()
  for (const ref of await slivers.list(blobId)) {
    if (ref.axis !== 'primary' || found.size === need) continue
    const bytes = await slivers.get(blobId, ref, { signal })
    if (bytes !== undefined) found.set(ref.pair, { ref, bytes })
  }
  const peers: SymbolPeer[] = symbolPeers(committees, nodeId, members => book.ranked(members))
  const asked = new Set<string>()
  while (found.size < need) {
    const asks = planAsks({
      lacks: [need - found.size],
      peers,
      isFree: (member, shard) =>
        !pauses.isPaused(member) &&
        !asked.has(`${member.nodeId}/${shard}`) &&
        !found.has(pairOfShard(shard, blobId, nShards)),
    }).slice(0, PARALLEL)
    if (asks.length === 0) return undefined
    for (const { member, sources } of asks)
      for (const source of sources) asked.add(`${member.nodeId}/${source}`)
    const answers = asks.map(async ask => {
      try {
        for (const sliver of await fetchFrom(components, patient, ask, signal))
          found.set(sliver.ref.pair, sliver)
        pauses.answered(ask.member)
      } catch (error) {
        signal.throwIfAborted()
        book.failed(ask.member)
        if (error instanceof ProtocolError) pauses.failed(ask.member, error)
        log.debug({ nodeId: ask.member.nodeId, err: error }, 'primary slivers were not got from a node')
      }
    })
    for (const end of await Promise.allSettled(answers)) if (end.status === 'rejected') throw end.reason
  }
  return [...found.values()]
}

async function fetchFrom(
  { peers, book, codec, accuse, nShards, received }: MeteredComponents,
  { blobId, metadata }: Patient,
  { member, sources }: Ask,
  signal: AbortSignal,
): Promise<SliverBytes[]> {
  const maxBytes = sliverLength(nShards, metadata.unencodedLength, 'primary')
  const items = sources.map(shard => {
    const ref = { pair: pairOfShard(shard, blobId, nShards), axis: 'primary' as const }
    return { blobId, ref, maxBytes }
  })
  const arrived = []
  for await (const { ref, bytes } of peers.fetch(book.address(member), items, { signal }))
    if (bytes !== undefined) {
      received(bytes.length)
      arrived.push({ ref, bytes, metadata })
    }
  const errors = await codec.verifySlivers(arrived, { signal })
  for (const [i, { ref }] of arrived.entries())
    if (errors[i] !== undefined) accuse(member, 'sliver', { blobId, ...ref, err: errors[i] })
  return arrived.filter((_, i) => errors[i] === undefined)
}
