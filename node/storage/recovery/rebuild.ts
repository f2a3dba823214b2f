import type { CommitteeMember } from '../../../chain/types/index.ts'
import {
  type Codec,
  type CrossingInput,
  isCodecError,
  type Outcome,
  type ProvenSymbol,
  pairOfShard,
  type SliverBytes,
  shardOfPair,
  sliverIndex,
  symbolSize,
} from '../../../codec/index.ts'
import type { BlobMetadata, Epoch, ObjectId, ShardIndex, SliverRef } from '../../../codec/types.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { Budget } from '../budget.ts'
import type { NewSliver, ShardedSliverStore } from '../store/shard-slivers.ts'
import { type GatherComponents, type Given, gatherSymbols, type LostBlob } from './gather-symbols.ts'
import type { Inconsistencies } from './inconsistencies.ts'
import { type SymbolPeer, symbolPeers } from './plan-symbols.ts'
import { accusationOf, provenSymbols } from './prove-inconsistency.ts'
import { BATCH_BYTES, type Batch, batchesOf, bytesOf, sourcesNeeded } from './rebuild-batches.ts'
import type { Cure } from './recovery.ts'
import { pathBytes, provenAt } from './symbol-data.ts'

export interface RebuildComponents extends Omit<GatherComponents, 'received'> {
  nodeId: ObjectId
  book: Pick<PeerBook, 'address' | 'failed' | 'ranked'>
  codec: Pick<
    Codec,
    | 'symbolsFor'
    | 'recoverSlivers'
    | 'verifySlivers'
    | 'verifySymbol'
    | 'recoverySymbols'
    | 'proveInconsistency'
  >
  slivers: Pick<ShardedSliverStore, 'list' | 'get' | 'putMany'>
  inconsistencies: Pick<Inconsistencies, 'knows' | 'found'>
  budget: Budget
}

const OTHER = { primary: 'secondary', secondary: 'primary' } as const
/** Batches under way at a time. */
const BATCHES = 2

/**
 * Rebuilds lost slivers from symbols at their crossings with those that others and this node have: at the price of the
 * slivers themselves. First the secondary ones, which need the fewest; then the primary ones, with the help of these. A
 * sliver that comes out wrong is rebuilt from symbols with proofs, which tell who lies: that node is not asked again in the
 * epoch. What comes out wrong of right symbols proves that the blob was encoded wrongly: nobody can rebuild it.
 */
export function cureByRebuilding(components: RebuildComponents): Cure {
  const liars = new Map<ObjectId, Epoch>()
  return {
    async heal(patients, committees, signal) {
      const { book, nodeId, inconsistencies, budget, codec, nShards } = components
      for (const [liar, epoch] of liars) if (epoch < committees.epoch) liars.delete(liar)
      const right = patients.filter(({ blobId }) => !inconsistencies.knows(blobId))
      for (const axis of ['secondary', 'primary'] as const) {
        const batches = (await batchesOf(components, right, axis, committees)).values()
        const work = async (): Promise<void> => {
          for (const batch of batches) {
            await budget.within(batch.urgency, bytesOf(batch, nShards), signal, async grant => {
              const candidates = symbolPeers(committees, nodeId, members => book.ranked(members))
              const received = (bytes: number): void => grant.spent({ bytes })
              const metered = { ...components, codec: grant.timing(codec), received }
              await new BatchRebuild({ ...metered, batch, candidates, liars, signal }).run()
            })
          }
        }
        // none is left under way when another one fails
        const ends = await Promise.allSettled(Array.from({ length: BATCHES }, work))
        for (const end of ends) if (end.status === 'rejected') throw end.reason
      }
    },
  }
}

interface Job extends RebuildComponents, Pick<GatherComponents, 'received'> {
  batch: Batch
  /** in the order in which to ask */
  candidates: readonly SymbolPeer[]
  liars: Map<ObjectId, Epoch>
  signal: AbortSignal
}

class BatchRebuild {
  readonly #job: Job
  readonly #need: number
  /** who has given symbols that may be wrong, and did not prove them: asked last */
  readonly #unproven = new Set<CommitteeMember>()

  constructor(job: Job) {
    this.#job = job
    this.#need = sourcesNeeded(job.nShards, job.batch.axis)
  }

  async run(): Promise<void> {
    const { batch } = this.#job
    let left: LostBlob[] = batch.patients.map(({ metadata }) => ({ metadata, got: new Map() }))
    await this.#useOwn(left)
    while (left.length > 0) {
      await this.#gather(left, batch.targets)
      const complete = left.filter(({ got }) => got.size >= this.#need)
      const bad = await this.#rebuild(complete, batch.targets)
      const first = bad.keys().next().value
      if (first === undefined) return
      await this.#rebuildProven(first, bad.get(first)!)
      // of the others only what liars and those who proved nothing gave is asked for anew: most come out right then
      left = [...bad.keys()].filter(blob => blob !== first)
      for (const { got } of left)
        for (const [source, { member }] of got) if (this.#isDistrusted(member)) got.delete(source)
    }
  }

  /** Symbols of what is here of the other axis. */
  async #useOwn(blobs: readonly LostBlob[]): Promise<void> {
    const { batch, nShards, slivers, codec, signal } = this.#job
    const own: { blob: LostBlob; source: ShardIndex; crossing: CrossingInput }[] = []
    let held = 0
    const flush = async (): Promise<void> => {
      const some = own.splice(0)
      held = 0
      const outcomes = await codec.symbolsFor(
        some.map(({ crossing }) => crossing),
        { signal },
      )
      for (const [i, { blob, source }] of some.entries()) {
        const data = outcomes[i]!.value?.data
        if (data !== undefined) blob.got.set(source, { member: undefined, data })
      }
    }
    for (const blob of blobs) {
      const { metadata } = blob
      const stored = (await slivers.list(metadata.blobId)).filter(({ axis }) => axis === OTHER[batch.axis])
      for (const source of stored.slice(0, this.#need)) {
        const bytes = await slivers.get(metadata.blobId, source, { signal })
        if (bytes === undefined) continue
        const crossing = { metadata, source, bytes, targets: this.#refs(metadata, batch.targets) }
        own.push({ blob, source: shardOfPair(source.pair, metadata.blobId, nShards), crossing })
        held += bytes.length
        if (held >= BATCH_BYTES) await flush()
      }
    }
    await flush()
  }

  async #gather(
    blobs: readonly LostBlob[],
    targets: readonly ShardIndex[],
    proven: { peers?: readonly SymbolPeer[]; prove?: Parameters<typeof gatherSymbols>[1]['prove'] } = {},
  ): Promise<void> {
    const { batch, candidates, signal } = this.#job
    const isLast = ({ member }: SymbolPeer): boolean => this.#unproven.has(member)
    const peers = [...candidates.filter(one => !isLast(one)), ...candidates.filter(isLast)]
    const isExcluded = (member: CommitteeMember) => this.#isExcluded(member)
    const { epoch, axis } = batch
    await gatherSymbols(
      this.#job,
      { epoch, axis, targets, blobs, need: this.#need, peers, isExcluded, ...proven },
      signal,
    )
  }

  /** Stores what comes out right; gives the blobs of which something does not, with these targets. */
  async #rebuild(
    blobs: readonly LostBlob[],
    targets: readonly ShardIndex[],
  ): Promise<Map<LostBlob, ShardIndex[]>> {
    const { codec, slivers, signal } = this.#job
    const rebuilt: (NewSliver & { blob: LostBlob; metadata: BlobMetadata; target: ShardIndex })[] = []
    for (const blob of blobs) {
      const refs = this.#refs(blob.metadata, targets)
      // verified below, those of all blobs together
      const outcomes = await codec.recoverSlivers({ ...this.#received(blob, refs), verify: false, signal })
      for (const [i, outcome] of outcomes.entries()) {
        const { metadata } = blob
        const bytes = expectValue(outcome)
        rebuilt.push({ blob, metadata, blobId: metadata.blobId, ref: refs[i]!, bytes, target: targets[i]! })
      }
    }
    const errors = await codec.verifySlivers(rebuilt, { signal })
    const right = rebuilt.filter((_, i) => errors[i] === undefined)
    if (right.length > 0) await slivers.putMany(right, { signal })
    const bad = new Map<LostBlob, ShardIndex[]>()
    for (const [i, { blob, target }] of rebuilt.entries()) {
      if (errors[i] === undefined) continue
      const list = bad.get(blob) ?? []
      bad.set(blob, list)
      list.push(target)
    }
    return bad
  }

  /** From symbols with proofs, of those who gave some first: who gave wrong ones is named. */
  async #rebuildProven(blob: LostBlob, targets: readonly ShardIndex[]): Promise<void> {
    const { batch, nShards, candidates, accuse } = this.#job
    const { metadata } = blob
    const size = symbolSize(nShards, metadata.unencodedLength)
    const most = Math.max(1, Math.floor(BATCH_BYTES / (this.#need * (size + pathBytes(nShards)))))
    const givers = new Set([...blob.got.values()].flatMap(({ member }) => member ?? []))
    const order = [
      ...[...givers].map(member => ({
        member,
        shards: [...blob.got].flatMap(([source, given]) => (given.member === member ? [source] : [])),
      })),
      ...candidates,
    ]
    for (let at = 0; at < targets.length; at += most) {
      const some = targets.slice(at, at + most)
      const places = some.map(target => batch.targets.indexOf(target))
      const before = (given: Given): Uint8Array =>
        Buffer.concat(places.map(place => given.data.subarray(place * size, (place + 1) * size)))
      const proven: LostBlob = { metadata, got: new Map() }
      for (const [source, given] of blob.got)
        if (given.member === undefined) proven.got.set(source, { member: undefined, data: before(given) })
      /** of each source, for each target */
      const paths = new Map<ShardIndex, ProvenSymbol[]>()
      const prove = (_: LostBlob, source: ShardIndex, given: Given): Uint8Array | undefined => {
        const symbols = this.#proven(metadata, some, source, given.data)
        const data = symbols && Buffer.concat(symbols.map(one => one.data))
        if (symbols !== undefined) paths.set(source, symbols)
        const said = blob.got.get(source)
        const other = said?.member === given.member && said !== undefined ? before(said) : undefined
        const lied = data === undefined || (other !== undefined && Buffer.compare(other, data) !== 0)
        if (lied) {
          this.#job.liars.set(given.member!.nodeId, batch.epoch)
          accuse(given.member!, 'symbol', { blobId: metadata.blobId, source, axis: OTHER[batch.axis] })
        }
        return data
      }
      await this.#gather([proven], some, { peers: order, prove })
      for (const [source, { member }] of blob.got)
        if (member !== undefined && !proven.got.has(source)) this.#unproven.add(member)
      if (proven.got.size < this.#need) continue
      const [bad] = (await this.#rebuild([proven], some)).get(proven) ?? []
      if (bad === undefined) continue
      const given = [...paths.values()].map(symbols => symbols[some.indexOf(bad)]!)
      return await this.#accuse(proven, bad, given)
    }
  }

  /** All that it was rebuilt of is right, and it is not what it must be. */
  async #accuse(
    { metadata, got }: LostBlob,
    shard: ShardIndex,
    given: readonly ProvenSymbol[],
  ): Promise<void> {
    const { codec, inconsistencies, log, signal } = this.#job
    const { blobId } = metadata
    const [target] = this.#refs(metadata, [shard]) as [SliverRef]
    const own = [...got.keys()].filter(source => got.get(source)!.member === undefined)
    const ours = await provenSymbols(codec, metadata, await this.#stored(metadata, own), target, signal)
    const symbols = [...ours, ...given]
    const accusation = await accusationOf(codec, { metadata, target, symbols, signal })
    if (accusation !== undefined) inconsistencies.found(accusation)
    else log.warn({ blobId, ...target }, 'a sliver was not rebuilt, as one that is stored here is not right')
  }

  /** Slivers of the other axis. */
  async #stored({ blobId }: BlobMetadata, shards: readonly ShardIndex[]): Promise<SliverBytes[]> {
    const { nShards, batch, slivers, signal } = this.#job
    const found: SliverBytes[] = []
    for (const shard of shards) {
      const ref = { pair: pairOfShard(shard, blobId, nShards), axis: OTHER[batch.axis] }
      const bytes = await slivers.get(blobId, ref, { signal })
      if (bytes !== undefined) found.push({ ref, bytes })
    }
    return found
  }

  /** With their paths; undefined unless the metadata proves each of them. */
  #proven(
    metadata: BlobMetadata,
    targets: readonly ShardIndex[],
    source: ShardIndex,
    joined: Uint8Array,
  ): ProvenSymbol[] | undefined {
    const { nShards, batch, codec } = this.#job
    const pair = pairOfShard(source, metadata.blobId, nShards)
    const index = sliverIndex({ pair, axis: OTHER[batch.axis] }, nShards)
    const shape = { index, nShards, symbolSize: symbolSize(nShards, metadata.unencodedLength) }
    const symbols = targets.map((_, i) => provenAt(joined, i, shape))
    try {
      for (const [i, ref] of this.#refs(metadata, targets).entries())
        codec.verifySymbol(metadata, ref, symbols[i]!)
    } catch (error) {
      if (isCodecError(error, 'SYMBOL_MISMATCH')) return undefined
      throw error
    }
    return symbols
  }

  #received({ metadata, got }: LostBlob, targets: readonly SliverRef[]) {
    const { nShards, batch } = this.#job
    const received = [...got].map(([source, { data }]) => {
      const pair = pairOfShard(source, metadata.blobId, nShards)
      return { index: sliverIndex({ pair, axis: OTHER[batch.axis] }, nShards), data }
    })
    return { metadata, targets, received }
  }

  #refs({ blobId }: BlobMetadata, shards: readonly ShardIndex[]): SliverRef[] {
    const { nShards, batch } = this.#job
    return shards.map(shard => ({ pair: pairOfShard(shard, blobId, nShards), axis: batch.axis }))
  }

  #isDistrusted(member: CommitteeMember | undefined): boolean {
    return this.#isExcluded(member) || (member !== undefined && this.#unproven.has(member))
  }

  #isExcluded(member: CommitteeMember | undefined): boolean {
    return member !== undefined && this.#job.liars.has(member.nodeId)
  }
}

/** There are enough symbols, and nothing is verified yet. */
function expectValue({ value, error }: Outcome<Uint8Array>): Uint8Array {
  if (value === undefined) throw error
  return value
}
