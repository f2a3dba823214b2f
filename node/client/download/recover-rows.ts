import type { Semaphore } from '../../../base/semaphore.ts'
import type { CommitteeMember } from '../../../chain/types.ts'
import { type BlobCodec, encodingParams } from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex } from '../../../codec/types.ts'
import type { SliverSpool } from './sliver-spool.ts'

/** What is decoded at a time: a third of it is memory. */
const WINDOW_BYTES = 48 * 2 ** 20

export interface RecoverInput {
  metadata: BlobMetadata
  spool: SliverSpool
  codec: Pick<BlobCodec, 'decodeStream'>
  ownerOf: (pair: SliverPairIndex) => CommitteeMember | undefined
  /** who failed already: asked last */
  failed: Set<CommitteeMember>
  /** a verified sliver, or undefined */
  fetch: (pair: SliverPairIndex, owner: CommitteeMember) => Promise<Uint8Array | undefined>
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
  const turn = await input.decoding.take(1, signal)
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
    turn.release()
  }
  return { have, needed }
}

async function gather(input: RecoverInput, needed: number): Promise<void> {
  const { metadata, spool, ownerOf, failed, fetch, atOnce } = input
  // source rows first: they need no decoding
  const queue = Array.from({ length: metadata.nShards }, (_, pair) => pair as SliverPairIndex)
  const last: SliverPairIndex[] = []
  let flying = 0

  const next = (): SliverPairIndex | undefined => {
    for (;;) {
      const pair = queue.shift()
      if (pair === undefined) return last.shift()
      const owner = ownerOf(pair)
      if (owner === undefined) continue
      if (!failed.has(owner)) return pair
      last.push(pair)
    }
  }
  const work = async (): Promise<void> => {
    while (spool.pairs.size + flying < needed) {
      const pair = next()
      const owner = pair === undefined ? undefined : ownerOf(pair)
      if (pair === undefined || owner === undefined) return
      flying++
      try {
        const bytes = await fetch(pair, owner)
        if (bytes === undefined) failed.add(owner)
        else await spool.put(pair, bytes)
      } finally {
        flying--
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: atOnce }, work))
  const failure = results.find(result => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}
