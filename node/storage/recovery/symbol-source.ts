import type { Committees } from '../../../chain/types/index.ts'
import {
  type Codec,
  type CrossingInput,
  isCodecError,
  pairOfShard,
  shardOfPair,
  sliverLength,
  symbolSize,
} from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, Epoch, ShardIndex } from '../../../codec/types.ts'
import type {
  PeerContext,
  RecoverQuery,
  RecoverStatus,
  RecoverySource,
  SliverStore,
} from '../../../protocols/ports.ts'
import type { MemberIndex } from '../../network/member-index.ts'
import { expectOwner } from '../epochs/expect-owner.ts'
import { isOwed } from '../epochs/whole.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { endedSince } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { RecoverAccounts, RecoverShare } from './recover-accounts.ts'
import { joinProven, pathBytes } from './symbol-data.ts'

export interface SymbolSourceComponents {
  nShards: number
  /** as far as this node has seen the chain */
  committees: () => Committees | undefined
  members: MemberIndex
  /** whose beginning this node has heard of last */
  epoch: () => Epoch
  /** as peers are shown them */
  slivers: Pick<SliverStore, 'list' | 'get'>
  metadata: Pick<MetadataStore, 'get'>
  blobs: Pick<BlobRecords, 'get' | 'beginningWith'>
  codec: Pick<Codec, 'symbolsFor' | 'recoverySymbols'>
  accounts: RecoverAccounts
}

/** A stored sliver that is asked about, with what of its metadata says its shape; undefined when it is not there. */
type Cell = { blob: BlobMetadata; source: ShardIndex } | undefined

const OTHER = { primary: 'secondary', secondary: 'primary' } as const

/** Stored slivers and their symbols that are in memory for one request; a larger one is alone. */
const GROUP_BYTES = 16 * 1024 * 1024
/** the protocol's, for one answer */
const GROUP_CELLS = 16_384

/**
 * Hands out symbols to members that have lost slivers, also of blobs that are not whole here. A stored sliver is read and
 * expanded once, whatever the number of targets.
 */
export function createSymbolSource(
  components: SymbolSourceComponents,
  groupBytes = GROUP_BYTES,
): RecoverySource {
  return {
    async open(query, context) {
      const { members, committees } = components
      const known = expectOwner(members, committees(), context.peer, query.epoch, query.targets)
      const share = components.accounts.of(known, context.peer, query.epoch)
      share.expect()
      const looked = await lookUp(components, query, context.signal)
      return {
        blobs: looked.map(({ status }) => status),
        symbols: () =>
          symbolsOf(
            components,
            query,
            looked.flatMap(({ blobId }) => blobId ?? []),
            { ...context, share },
            groupBytes,
          ),
      }
    },
  }
}

async function lookUp(
  { blobs, metadata, nShards, epoch: heard }: SymbolSourceComponents,
  query: RecoverQuery,
  signal: AbortSignal,
): Promise<{ status: RecoverStatus; blobId?: BlobId }[]> {
  const epoch = heard()
  const one = async (blobId: BlobId): Promise<{ status: RecoverStatus; blobId?: BlobId }> => {
    const state = await blobs.get(blobId)
    if (state === undefined) return { status: { status: 'unknown' } }
    const owed: boolean = isOwed(state, epoch)
    if (!owed) {
      const isOver = state.invalid === true || endedSince(state, epoch) !== undefined
      return { status: { status: isOver ? 'ended' : 'unknown' } }
    }
    const known = await metadata.get(blobId)
    if (known === undefined) return { status: { status: 'unknown' } }
    const size = symbolSize(nShards, known.unencodedLength)
    return { status: { status: 'found', symbolSize: size }, blobId }
  }
  const found = []
  if ('Ids' in query.blobs) {
    for (const blobId of query.blobs.Ids) {
      signal.throwIfAborted()
      found.push(await one(blobId))
    }
    return found
  }
  for (const prefix of query.blobs.Prefixes) {
    signal.throwIfAborted()
    const [blobId, other] = await blobs.beginningWith(prefix, 2)
    if (blobId === undefined) found.push({ status: { status: 'unknown' } as const })
    else if (other !== undefined) found.push({ status: { status: 'ambiguous' } as const })
    else found.push(await one(blobId))
  }
  return found
}

async function* symbolsOf(
  components: SymbolSourceComponents,
  query: RecoverQuery,
  blobIds: readonly BlobId[],
  context: PeerContext & { share: RecoverShare },
  groupBytes: number,
): AsyncIterable<(Uint8Array | undefined)[]> {
  const { signal, quota, share } = context
  for await (const { cells, bytes } of groups(components, query, blobIds, groupBytes)) {
    signal.throwIfAborted()
    share.expect()
    const release = await quota?.hold(bytes, signal)
    try {
      const data = await answer(components, query, cells, context)
      share.took(data.reduce((sum, one) => sum + (one?.length ?? 0), 0))
      yield data
    } finally {
      release?.()
    }
  }
}

/** All cells in their order, as many together as may be in memory. */
async function* groups(
  { slivers, metadata, nShards }: SymbolSourceComponents,
  { axis, targets, sources, proofs }: RecoverQuery,
  blobIds: readonly BlobId[],
  groupBytes: number,
): AsyncIterable<{ cells: Cell[]; bytes: number }> {
  const perTarget = proofs ? pathBytes(nShards) : 0
  let cells: Cell[] = []
  let bytes = 0
  for (const blobId of blobIds) {
    const known = await metadata.get(blobId)
    const stored = new Set<ShardIndex>()
    const length = known?.unencodedLength ?? 0
    const each =
      sliverLength(nShards, length, OTHER[axis]) + targets.length * (symbolSize(nShards, length) + perTarget)
    // a thousand blobs' hashes are not kept in memory
    const blob: BlobMetadata | undefined = known && { ...known, hashes: new Uint8Array() }
    for (const ref of blob === undefined ? [] : await slivers.list(blobId))
      if (ref.axis === OTHER[axis]) stored.add(shardOfPair(ref.pair, blobId, nShards))
    for (const source of sources) {
      const cell: Cell = blob !== undefined && stored.has(source) ? { blob, source } : undefined
      const more = cell === undefined ? 0 : each
      if (cells.length === GROUP_CELLS || (bytes > 0 && bytes + more > groupBytes)) {
        yield { cells, bytes }
        cells = []
        bytes = 0
      }
      cells.push(cell)
      bytes += more
    }
  }
  if (cells.length > 0) yield { cells, bytes }
}

/** What the slivers of some cells have for all targets; nothing of one that is found to be damaged. */
async function answer(
  { slivers, codec, nShards }: SymbolSourceComponents,
  { axis, targets, proofs }: RecoverQuery,
  cells: readonly Cell[],
  context: PeerContext,
): Promise<(Uint8Array | undefined)[]> {
  const { signal, quota } = context
  const crossings: { at: number; crossing: CrossingInput }[] = []
  for (const [at, cell] of cells.entries()) {
    if (cell === undefined) continue
    const { blobId } = cell.blob
    const pair = (shard: ShardIndex) => pairOfShard(shard, blobId, nShards)
    const source = { pair: pair(cell.source), axis: OTHER[axis] }
    const leave = await quota?.disk(signal)
    const bytes = await slivers.get(blobId, source, { signal }).finally(() => leave?.())
    if (bytes === undefined) continue
    const refs = targets.map(shard => ({ pair: pair(shard), axis }))
    crossings.push({ at, crossing: { metadata: cell.blob, source, bytes, targets: refs } })
  }
  const data: (Uint8Array | undefined)[] = cells.map(() => undefined)
  if (proofs) {
    for (const { at, crossing } of crossings) data[at] = await provenOf(codec, crossing, signal)
    return data
  }
  const outcomes = await codec.symbolsFor(
    crossings.map(({ crossing }) => crossing),
    { signal },
  )
  for (const [i, { at }] of crossings.entries()) data[at] = outcomes[i]!.value?.data
  return data
}

async function provenOf(
  codec: Pick<Codec, 'recoverySymbols'>,
  crossing: CrossingInput,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    return joinProven(await codec.recoverySymbols({ ...crossing, proofs: true, signal }))
  } catch (error) {
    signal.throwIfAborted()
    // what is stored is no sliver
    if (isCodecError(error, 'SLIVER_MALFORMED')) return undefined
    throw error
  }
}
