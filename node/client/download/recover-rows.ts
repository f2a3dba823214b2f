import type { Semaphore } from '../../../base/semaphore.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { type BlobCodec, type BlobTarget, encodingParams, type SliverFiles } from '../../../codec/index.ts'
import type { BlobMetadata, ObjectId, SliverPairIndex } from '../../../codec/types.ts'

/** What is decoded at a time: a third of it is memory. */
const WINDOW_BYTES = 48 * 2 ** 20

/** Primary slivers of one blob, too many for memory. */
export interface RowSpool extends Pick<SliverFiles, 'read'>, AsyncDisposable {
  /** slivers that were put */
  readonly pairs: ReadonlySet<SliverPairIndex>
  /** Keeps a sliver that was verified. */
  put(pair: SliverPairIndex, bytes: Uint8Array): Promise<void>
  /** A source row in BCS: as it was put, or as `target` was given it. */
  row(pair: SliverPairIndex): Promise<Uint8Array>
  /** Takes the rows of the decoded blob that were not put. A write does not go beyond a row. */
  target(): BlobTarget
}

export interface RecoverInput {
  metadata: BlobMetadata
  spool: RowSpool
  codec: Pick<BlobCodec, 'decodeStream'>
  /** nodes that may have a pair */
  ownersOf: (pair: SliverPairIndex) => readonly Pick<CommitteeMember, 'nodeId'>[]
  /** those that failed already: asked last */
  failed: ReadonlySet<ObjectId>
  /** A verified sliver from any of its owners; undefined when it cannot be had: then they are among `failed`. */
  fetch: (pair: SliverPairIndex) => Promise<Uint8Array | undefined>
  /** slivers in memory at a time */
  atOnce: number
  /** One at a time decodes, whatever the number of reads. */
  decoding: Semaphore
  signal: AbortSignal
}

/**
 * Brings slivers that suffice into the spool, any of them, and decodes the source rows that are not among them, by columns
 * and from the file. Gives how many slivers there are: fewer than are needed when nobody has more.
 */
export async function recoverRows(input: RecoverInput): Promise<{ have: number; needed: number }> {
  const { metadata, spool, codec, signal } = input
  const { primarySymbols: needed } = encodingParams(metadata.nShards)
  await gather(input, needed)
  const have = spool.pairs.size
  const sourcesMissing = Array.from({ length: needed }, (_, row) => row as SliverPairIndex).some(
    row => !spool.pairs.has(row),
  )
  if (have < needed || !sourcesMissing) return { have, needed }
  const available = Array.from(spool.pairs, pair => ({ pair, axis: 'primary' as const }))
  const hold = await input.decoding.take(1, signal)
  try {
    await codec.decodeStream({
      metadata,
      available,
      slivers: spool,
      output: spool.target(),
      windowBytes: WINDOW_BYTES,
      signal,
    })
  } finally {
    hold.release()
  }
  return { have, needed }
}

async function gather(input: RecoverInput, needed: number): Promise<void> {
  const { metadata, spool, ownersOf, failed, fetch, atOnce } = input
  // source rows first: they need no decoding
  const queue = Array.from({ length: metadata.nShards }, (_, pair) => pair as SliverPairIndex)
  const last: SliverPairIndex[] = []
  let flying = 0

  const next = (): SliverPairIndex | undefined => {
    for (;;) {
      const pair = queue.shift()
      if (pair === undefined) return last.shift()
      const owners = ownersOf(pair)
      if (owners.some(({ nodeId }) => !failed.has(nodeId))) return pair
      if (owners.length > 0) last.push(pair)
    }
  }
  const work = async (): Promise<void> => {
    while (spool.pairs.size + flying < needed) {
      const pair = next()
      if (pair === undefined) return
      flying++
      try {
        const bytes = await fetch(pair)
        if (bytes !== undefined) await spool.put(pair, bytes)
      } finally {
        flying--
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: atOnce }, work))
  const failure = results.find(result => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}
