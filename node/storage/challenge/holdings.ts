import { equalBytes } from '../../../base/bytes.ts'
import {
  type BlobCodec,
  pairOfShard,
  pieceCrossing,
  pieceOf,
  piecePath,
  pieceShape,
} from '../../../codec/index.ts'
import type { Axis, BlobMetadata, ObjectId, ShardIndex, SliverRef } from '../../../codec/types.ts'
import type { ChallengeProof, SliverStore } from '../../../protocols/ports.ts'
import type { Budget } from '../budget.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { Question } from './draw.ts'
import type { LeafFile } from './leaf-file.ts'
import { type LeafHash, type LeafPlace, NO_LEAF, pathOf, rootOf } from './leaves.ts'
import type { OwedBlob } from './owed.ts'

/** The order of a sliver pair's leaves. */
export const LEAF_AXES: readonly Axis[] = ['primary', 'secondary']

export interface HoldingsInit {
  nodeId: ObjectId
  nShards: number
  slivers: Pick<SliverStore, 'get'>
  metadata: Pick<MetadataStore, 'get'>
  codec: Pick<BlobCodec, 'recoverySymbols'>
  budget: Pick<Budget, 'within'>
}

/** The number of a sliver's leaf: blobs by rank, of each the node's shards in ascending order, of each both axes. */
export function leafIndex(
  rank: number,
  shards: readonly ShardIndex[],
  { shard, axis }: Omit<LeafPlace, 'blobId'>,
): number {
  return (rank * shards.length + shards.indexOf(shard)) * LEAF_AXES.length + LEAF_AXES.indexOf(axis)
}

/** The leaves over all that a node owes, one sliver in memory at a time; `NO_LEAF` for what is not there. */
export async function* leavesOf(
  init: HoldingsInit,
  owed: AsyncIterable<OwedBlob>,
  shards: readonly ShardIndex[],
  hash: LeafHash,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  for await (const blob of owed) {
    for (const shard of shards) {
      for (const axis of LEAF_AXES) {
        const place = { shard, axis, blobId: blob.blobId }
        const sliver = await sliverOf(init, place, signal)
        yield sliver === undefined ? NO_LEAF : rootOf(piecesOf(blob, init.nShards, place, sliver, hash))
      }
    }
  }
}

/** What a node shows for a question; undefined when it does not have what is asked for, or had not as it committed. */
export async function proofOf(
  init: HoldingsInit,
  { blobId, shard, axis, piece }: Question,
  { leaf, tree, hash }: { leaf: number; tree: LeafFile; hash: LeafHash },
  signal: AbortSignal,
): Promise<ChallengeProof | undefined> {
  const place = { shard, axis, blobId }
  const metadata = await init.metadata.get(blobId)
  const sliver = await sliverOf(init, place, signal)
  if (metadata === undefined || sliver === undefined) return undefined
  const ref = refOf(place, init.nShards)
  const pieces = piecesOf(metadata, init.nShards, place, sliver, hash)
  // one that came back after the commitment is not in it
  if (!equalBytes(rootOf(pieces), await tree.leaf(leaf))) return undefined
  return {
    leaf,
    bytes: Uint8Array.from(pieceOf(metadata, ref, sliver, piece)),
    path: [...pathOf(pieces, piece), ...(await tree.path(leaf))],
    siblings: await siblingsOf(init, metadata, ref, sliver, piece, signal),
  }
}

/** What leads from a piece to its sliver's hash. */
export async function siblingsOf(
  { codec }: Pick<HoldingsInit, 'codec'>,
  metadata: BlobMetadata,
  source: SliverRef,
  bytes: Uint8Array,
  piece: number,
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  if (pieceShape(metadata, source.axis).count === 1) return []
  const targets = [pieceCrossing(metadata, source.axis, piece)]
  const [symbol] = await codec.recoverySymbols({ metadata, source, bytes, targets, proofs: true, signal })
  return piecePath(metadata, source.axis, piece, symbol!.path)
}

/** The leaves of a sliver's pieces. */
function piecesOf(
  sizes: Pick<BlobMetadata, 'nShards' | 'unencodedLength'>,
  nShards: number,
  place: LeafPlace,
  sliver: Uint8Array,
  hash: LeafHash,
): Uint8Array[] {
  const ref = refOf(place, nShards)
  return Array.from({ length: pieceShape(sizes, place.axis).count }, (_, piece) =>
    hash(place, piece, pieceOf(sizes, ref, sliver, piece)),
  )
}

/** The sliver of a blob that a shard keeps. */
export function refOf({ shard, axis, blobId }: LeafPlace, nShards: number): SliverRef {
  return { pair: pairOfShard(shard, blobId, nShards), axis }
}

async function sliverOf(
  { slivers, budget, nShards }: HoldingsInit,
  place: LeafPlace,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  return await budget.within('handoff', 0, signal, async grant => {
    const sliver = await slivers.get(place.blobId, refOf(place, nShards), { signal })
    grant.spent({ bytes: sliver?.length ?? 0 })
    return sliver
  })
}
