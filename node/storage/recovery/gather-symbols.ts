import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { anySignal } from '../../../base/wait.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { blobIdToBytes, symbolSize } from '../../../codec/index.ts'
import type { Axis, BlobMetadata, Epoch, ObjectId, ShardIndex } from '../../../codec/types.ts'
import { ID_PREFIX_BYTES, type PeerClient, ProtocolError } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { PeerPauses } from './peer-pauses.ts'
import { type Ask, planAsks, type SymbolPeer } from './plan-symbols.ts'
import { pathBytes } from './symbol-data.ts'

export interface GatherComponents {
  nShards: number
  peers: Pick<PeerClient, 'recover'>
  book: Pick<PeerBook, 'address' | 'failed'>
  pauses: PeerPauses
  /** So many bytes of symbols have come. */
  received: (bytes: number) => void
  accuse: (member: CommitteeMember, what: string, details: object) => void
  clock: Clock
  log: Log
}

/** Symbols of one source for all targets. */
export interface Given {
  /** undefined: the node's own */
  member: CommitteeMember | undefined
  /** a symbol for each target */
  data: Uint8Array
}

/** A blob of which slivers are lost, and what has come for them. */
export interface LostBlob {
  metadata: BlobMetadata
  /** by source */
  got: Map<ShardIndex, Given>
}

export interface GatherInput {
  epoch: Epoch
  /** of the lost slivers */
  axis: Axis
  /** ascending; the same for all blobs */
  targets: readonly ShardIndex[]
  blobs: readonly LostBlob[]
  /** sources that each target needs */
  need: number
  /** in the order in which to ask */
  peers: readonly SymbolPeer[]
  isExcluded(member: CommitteeMember): boolean
  /** With Merkle paths: gives the symbols without them once all are right, undefined otherwise. Absent: without paths. */
  prove?: (blob: LostBlob, source: ShardIndex, given: Given) => Uint8Array | undefined
}

interface Running extends Ask {
  /** when something of it came last */
  heardAt: number
}

/** Requests under way for one batch: each is to another node. */
const PARALLEL = 24
/** As long as fewer than so many have ended, no more are begun: each plan goes through all that is under way. */
const REFILL = 8
/** One that brings nothing for so long is still waited for, but others are asked as well. */
const PATIENCE_MS = 3_000

/**
 * Gets symbols for lost slivers from as many nodes as are needed, and from more as some of them lack the slivers, fail or are
 * slow. What has come is in the blobs, also when it is not enough. Rejects with the signal's reason.
 */
export async function gatherSymbols(
  components: GatherComponents,
  input: GatherInput,
  signal: AbortSignal,
): Promise<void> {
  const { clock, pauses } = components
  const { blobs, need, peers, isExcluded } = input
  const over = new AbortController()
  const either = anySignal(signal, over.signal)
  const news = new Notify()
  const asked = new Set<string>()
  const running = new Set<Running>()
  const tasks: Promise<void>[] = []

  const isSlow = ({ heardAt }: Running): boolean => clock.monotonic() - heardAt >= PATIENCE_MS
  // whom there is something to ask that was not asked yet
  let candidates = peers
  // one request of a batch at each node, slow or not
  const busy = new Set<ObjectId>()
  const isBusy = ({ nodeId }: CommitteeMember): boolean => busy.has(nodeId)
  const awaited = new Set<ShardIndex>()
  const isFree = (member: CommitteeMember, shard: ShardIndex): boolean =>
    !pauses.isFull(member) && isWanted(member, shard)
  const isAwaited = ({ member, shards }: SymbolPeer): boolean =>
    pauses.isFull(member) && shards.some(shard => isWanted(member, shard))
  const isWanted = (member: CommitteeMember, shard: ShardIndex): boolean => {
    if (isExcluded(member) || pauses.isPaused(member) || asked.has(`${member.nodeId}/${shard}`)) return false
    if (isBusy(member)) return false
    if (awaited.has(shard)) return false
    return blobs.some(({ got }) => got.size < need && !got.has(shard))
  }
  const begin = (ask: Ask): void => {
    const one: Running = { ...ask, heardAt: clock.monotonic() }
    running.add(one)
    busy.add(ask.member.nodeId)
    const leave = pauses.begin(ask.member)
    for (const source of ask.sources) asked.add(`${ask.member.nodeId}/${source}`)
    const end = () => {
      running.delete(one)
      busy.delete(ask.member.nodeId)
      leave()
      news.notify()
    }
    tasks.push(askOne(components, input, one, either).finally(end))
  }

  const plan = (): Ask[] => {
    const lacks = blobs.map(({ got }) => need - got.size)
    awaited.clear()
    for (const ask of running) {
      if (isSlow(ask)) continue
      for (const source of ask.sources) awaited.add(source)
      for (const at of ask.blobs)
        for (const source of ask.sources) if (!blobs[at]!.got.has(source)) lacks[at]!--
    }
    candidates = candidates.filter(({ member, shards }) =>
      shards.some(shard => !asked.has(`${member.nodeId}/${shard}`)),
    )
    return planAsks({ lacks, peers: candidates, most: PARALLEL - running.size, isFree })
  }
  let plannedAt = Number.NEGATIVE_INFINITY

  const unwatch = pauses.onEnd(() => news.notify())
  try {
    while (blobs.some(({ got }) => got.size < need)) {
      signal.throwIfAborted()
      if (running.size <= PARALLEL - REFILL || clock.monotonic() - plannedAt >= PATIENCE_MS) {
        plannedAt = clock.monotonic()
        for (const ask of plan()) if (!isBusy(ask.member)) begin(ask)
      }
      // who is asked for other batches has its turn for this one
      if (running.size === 0 && !candidates.some(isAwaited)) break
      await news.waitWithin(PATIENCE_MS, clock, either)
    }
  } finally {
    unwatch()
    over.abort(new ProtocolError('CLOSED'))
    await Promise.all(tasks)
  }
}

/** Never rejects: what one node does not give another one may. */
async function askOne(
  components: GatherComponents,
  input: GatherInput,
  ask: Running,
  signal: AbortSignal,
): Promise<void> {
  const { book, pauses, accuse, log } = components
  const { member } = ask
  try {
    const short = await askBy(components, input, ask, ask.blobs, 'Prefixes', signal)
    if (short.length > 0) await askBy(components, input, ask, short, 'Ids', signal)
    pauses.answered(member)
  } catch (error) {
    if (signal.aborted) return
    if (error instanceof ProtocolError) pauses.failed(member, error)
    const isFault = error instanceof ProtocolError && error.code === 'VIOLATION' && !error.remote
    if (isFault) accuse(member, 'recover', { err: error })
    else book.failed(member)
    log.debug({ nodeId: member.nodeId, err: error }, 'symbols were not got from a node')
  }
}

/** Gives the blobs that are to be named by their whole IDs. */
async function askBy(
  { peers, book, nShards, clock, received }: GatherComponents,
  { blobs, epoch, axis, targets, prove, isExcluded }: GatherInput,
  ask: Running,
  positions: readonly number[],
  by: 'Prefixes' | 'Ids',
  signal: AbortSignal,
): Promise<number[]> {
  const { member, sources } = ask
  const asked = positions.map(at => blobs[at]!)
  const ids = asked.map(({ metadata }) => metadata.blobId)
  // a liar is found by proofs, which are of one blob
  const names =
    by === 'Ids' || prove !== undefined
      ? { Ids: ids }
      : { Prefixes: ids.map(id => blobIdToBytes(id).slice(0, ID_PREFIX_BYTES)) }
  const steps = peers.recover(
    book.address(member),
    { epoch, axis, targets, sources, blobs: names, proofs: prove !== undefined },
    {
      symbolSizes: asked.map(({ metadata }) => symbolSize(nShards, metadata.unencodedLength)),
      pathBytes: prove === undefined ? 0 : pathBytes(nShards),
      signal,
    },
  )
  for (;;) {
    const next = await steps.next()
    if (next.done) return positions.filter((_, i) => next.value[i]?.status === 'ambiguous')
    ask.heardAt = clock.monotonic()
    received(next.value.data.length)
    const blob = asked[next.value.blob]!
    const source = sources[next.value.source]!
    if (blob.got.has(source) || isExcluded(member)) continue
    const given = { member, data: next.value.data }
    const data = prove === undefined ? given.data : prove(blob, source, given)
    if (data !== undefined) blob.got.set(source, { member, data })
  }
}
