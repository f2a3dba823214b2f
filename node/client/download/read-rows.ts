import type { Log } from '../../../base/log.ts'
import type { Committee, CommitteeMember } from '../../../chain/types.ts'
import type { BlobCodec } from '../../../codec/index.ts'
import {
  CodecError,
  encodingParams,
  rangeSlivers,
  shardOfPair,
  sliverLength,
  symbolSize,
} from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex } from '../../../codec/types.ts'
import { deadline, type PeerClient } from '../../../protocols/index.ts'
import type { NodeMetrics } from '../../metrics.ts'
import type { PeerBook } from '../../network/peer-book.ts'

export interface ReadRowsComponents {
  peers: Pick<PeerClient, 'fetch'>
  book: PeerBook
  codec: BlobCodec
  log: Log
  metrics: Pick<NodeMetrics, 'liar'>
}

/** Whoever holds a row has this long to begin; then the whole blob is read from others. */
const TIMEOUT_MS = 3_000

/** What the rows of a range take when all of them arrive at the same time. */
export function bytesOfRows(
  { nShards, unencodedLength }: BlobMetadata,
  { start, end }: { start: number; end: number },
): number {
  if (start >= end) return 0
  const rows = rangeSlivers({ nShards, unencodedLength }, start, end).length
  return rows * sliverLength(nShards, unencodedLength, 'primary')
}

/**
 * Part of a blob from the source rows that contain it: primary sliver i is row i of the message matrix, so nothing needs
 * decoding, but each sliver must be verified. Returns undefined when some row cannot be had from its owner.
 */
export async function readRows(
  components: ReadRowsComponents,
  committee: Committee,
  metadata: BlobMetadata,
  { start, end }: { start: number; end: number },
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  const { blobId, nShards, unencodedLength } = metadata
  if (start >= end) return new Uint8Array()
  const rowBytes = encodingParams(nShards).secondarySymbols * symbolSize(nShards, unencodedLength)
  const firstRow = Math.floor(start / rowBytes)
  const lastRow = Math.floor((end - 1) / rowBytes)

  const owners = new Map<number, CommitteeMember>()
  for (const member of committee.members) for (const shard of member.shards) owners.set(shard, member)
  const wanted = new Map<CommitteeMember, SliverPairIndex[]>()
  for (let row = firstRow; row <= lastRow; row++) {
    const pair = row as SliverPairIndex
    const owner = owners.get(shardOfPair(pair, blobId, nShards))
    if (owner === undefined) return undefined
    wanted.set(owner, [...(wanted.get(owner) ?? []), pair])
  }

  const out = new Uint8Array(end - start)
  const failed = new AbortController()
  using limit = deadline(TIMEOUT_MS + (lastRow - firstRow) * 1_000, signal, failed.signal)
  const inner = limit.signal
  const maxBytes = sliverLength(nShards, unencodedLength, 'primary')
  const headerBytes = maxBytes - rowBytes - 4
  try {
    await Promise.all(Array.from(wanted, ([owner, pairs]) => fromOwner(owner, pairs)))
    return out
  } catch (error) {
    signal?.throwIfAborted()
    failed.abort(new DOMException('a row is missing', 'AbortError'))
    components.log.debug({ blobId, err: error }, 'rows cannot be read one by one')
    return undefined
  }

  async function fromOwner(owner: CommitteeMember, pairs: SliverPairIndex[]): Promise<void> {
    const { peers, book, codec, log, metrics } = components
    const items = pairs.map(pair => ({ blobId, ref: { pair, axis: 'primary' as const }, maxBytes }))
    const missing = new Set(pairs)
    try {
      for await (const { ref, bytes } of peers.fetch(book.address(owner), items, { signal: inner })) {
        if (bytes === undefined || !missing.delete(ref.pair)) continue
        await codec.verifySliver(metadata, ref, bytes, { signal: inner })
        const rowStart = ref.pair * rowBytes
        const from = Math.max(start, rowStart)
        const to = Math.min(end, rowStart + rowBytes)
        out.set(bytes.subarray(headerBytes + from - rowStart, headerBytes + to - rowStart), from - start)
      }
    } catch (error) {
      if (error instanceof CodecError && !inner.aborted) {
        const { peerId } = book.address(owner)
        log.warn(
          { peer: peerId, nodeId: owner.nodeId, name: owner.name, blobId, err: error },
          'peer sent a wrong sliver',
        )
        metrics.liar(owner.nodeId, 'sliver')
      }
      if (!inner.aborted) book.failed(owner)
      throw error
    }
    if (missing.size > 0) throw new Error(`${missing.size} rows are not stored`)
  }
}
