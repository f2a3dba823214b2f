import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { anySignal } from '../../../base/wait.ts'
import type { BlobCodec, SliverBytes } from '../../../codec/index.ts'
import { CodecError, encodingParams, quorumWeight, sliverLength } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, SliverPairIndex } from '../../../codec/types.ts'
import { type PeerClient, peerDeadline } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { Accuse } from '../accuse.ts'
import { ClientError } from '../errors.ts'
import { networkStatus, notThere } from '../network-status.ts'
import type { HandleReadOptions, ReadResult } from '../types.ts'
import { findMetadata } from './find-metadata.ts'
import { type Gathered, Gatherer } from './gather.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { Owners, OwnersFinder } from './owners.ts'
import type { SliverCache } from './sliver-cache.ts'

export interface DownloadComponents {
  peers: Pick<PeerClient, 'fetch' | 'metadata' | 'blobStatus'>
  book: PeerBook
  codec: BlobCodec
  accuse: Accuse
  owners: Pick<OwnersFinder, 'renewed'>
  clock: Clock
  log: Log
  cache?: MetadataCache
  /** of reads before */
  slivers?: SliverCache | undefined
}

/** With nothing arriving for this long from anyone, a read gives up. Well under the 15 s after which people do. */
const SILENCE_MS = 10_000
/** What asking whether the blob still exists may add to that. */
const LAST_LOOK_MS = 2_000
/**
 * Reads a whole blob. Optimistic: decode, encode again, compare the blob ID; only a mismatch verifies slivers one by one,
 * names the liars and fetches from others. Throws ClientError.
 */
export async function readWhole(
  components: DownloadComponents,
  owners: Owners,
  blobId: BlobId,
  { onProgress, signal }: Pick<HandleReadOptions, 'onProgress' | 'signal'> = {},
): Promise<ReadResult> {
  const needed = encodingParams(owners.committee.nShards).primarySymbols
  const stop = new AbortController()
  const inner = anySignal(signal, stop.signal)
  const gatherer = new Gatherer(components, owners, blobId, {
    silenceMs: SILENCE_MS,
    renew: signal => components.owners.renewed(owners, blobId, { signal }),
    signal: inner,
  })
  try {
    // which slivers are needed follows from the blob ID alone: fetch them while the metadata is on its way
    const metadata = findMetadata(components, owners, blobId, {
      signal: inner,
      onFound: askedAt => gatherer.answeredElsewhere(askedAt),
    })
    const keptPairs = components.slivers?.pairs(blobId) ?? []
    // how long they are is known by the metadata, without which they prove nothing
    if (keptPairs.length > 0)
      gatherer.keep(await keptSlivers(components, await metadata, keptPairs.slice(0, needed)))
    gatherer.begin(needed)
    const known = await metadata
    // the threads that decode start while slivers arrive
    components.codec.warm(known.unencodedLength)
    gatherer.expect(sliverLength(known.nShards, known.unencodedLength, 'primary'))
    return await decodeRight(components, owners, gatherer, known, needed, { onProgress, signal: inner })
  } finally {
    gatherer.close()
    stop.abort(new DOMException('the read is over', 'AbortError'))
  }
}

async function decodeRight(
  components: DownloadComponents,
  owners: Owners,
  gatherer: Gatherer,
  metadata: BlobMetadata,
  needed: number,
  { onProgress, signal }: Pick<HandleReadOptions, 'onProgress'> & { signal: AbortSignal },
): Promise<ReadResult> {
  const { codec } = components
  const { blobId, unencodedLength: size } = metadata
  const verified = new Set<Gathered>()
  let suspicious = false
  for (;;) {
    const enough = await gatherer.collect(needed, have =>
      onProgress?.({ phase: 'fetch', done: have, total: needed }),
    )
    if (suspicious) await throwOutLiars()
    // what arrived while others were being verified has to be verified as well: it may be a second liar's
    const usable = suspicious ? gatherer.slivers.filter(sliver => verified.has(sliver)) : gatherer.slivers
    if (usable.length < needed) {
      if (enough) continue
      const answeredShards = usable.length
      await throwIfGone(components, owners, blobId, signal)
      throw new ClientError(
        'TOO_FEW_SHARDS',
        `${answeredShards} shards gave their part of blob ${blobId}; ${needed} are needed${gatherer.answers.tell()}`,
        { blobId, answeredShards, neededShards: needed, nodes: gatherer.answers.list() },
      )
    }
    try {
      onProgress?.({ phase: 'decode', done: 0, total: 1 })
      const data = await codec.decode({ metadata, slivers: usable.slice(0, needed), signal })
      onProgress?.({ phase: 'decode', done: 1, total: 1 })
      // all of them are right, or they would not have made the blob
      for (const { from, ref, bytes } of usable.slice(0, needed))
        if (from !== undefined) components.slivers?.put(blobId, ref.pair, bytes)
      return { blobId, size, data }
    } catch (error) {
      if (!(error instanceof CodecError) || !/^(BLOB_ID_MISMATCH|SLIVER_MALFORMED)$/.test(error.code))
        throw error
      if (suspicious) {
        // every sliver is as the metadata says, and still they do not make the blob: it was encoded wrongly
        throw new ClientError(
          'BLOB_INVALID',
          `blob ${blobId} was encoded wrongly`,
          { blobId },
          { cause: error },
        )
      }
      suspicious = true
    }
  }

  async function throwOutLiars(): Promise<void> {
    await Promise.all(
      gatherer.slivers
        .filter(sliver => !verified.has(sliver))
        .map(async sliver => {
          try {
            await codec.verifySliver(metadata, sliver.ref, sliver.bytes, { signal })
            verified.add(sliver)
          } catch (error) {
            if (!(error instanceof CodecError) || signal.aborted) throw error
            if (sliver.from === undefined) {
              components.slivers?.drop(blobId, sliver.ref.pair)
              return gatherer.forget(sliver)
            }
            components.accuse(sliver.from, 'sliver', { blobId, ...sliver.ref, err: error })
            gatherer.reject(sliver.from)
          }
        }),
    )
  }
}

async function keptSlivers(
  { slivers }: Pick<DownloadComponents, 'slivers'>,
  { blobId, nShards, unencodedLength }: BlobMetadata,
  pairs: readonly SliverPairIndex[],
): Promise<SliverBytes[]> {
  const length = sliverLength(nShards, unencodedLength, 'primary')
  const found: SliverBytes[] = []
  for (const pair of pairs) {
    const bytes = await slivers?.get(blobId, pair, length)
    if (bytes !== undefined) found.push({ ref: { pair, axis: 'primary' }, bytes })
  }
  return found
}

/** Slivers vanish when a blob is deleted or expires under a reader: then say so. */
export async function throwIfGone(
  { peers, book, cache, clock }: Pick<DownloadComponents, 'peers' | 'book' | 'cache' | 'clock'>,
  { committee }: Pick<Owners, 'committee'>,
  blobId: BlobId,
  signal: AbortSignal,
): Promise<void> {
  cache?.delete(blobId)
  using brief = peerDeadline(clock, LAST_LOOK_MS, signal)
  const found = await networkStatus({ peers, book, clock }, committee, blobId, {
    signal: brief.signal,
  }).catch(() => undefined)
  signal.throwIfAborted()
  if (found?.status === 'invalid')
    throw new ClientError('BLOB_INVALID', `blob ${blobId} is invalid`, { blobId })
  if (found === undefined || found.status === 'certified') return
  throw notThere(
    { blobId, answeredShards: found.answeredShards, neededShards: quorumWeight(committee.nShards) },
    found.status === 'ended' ? found.endEpoch : undefined,
  )
}
