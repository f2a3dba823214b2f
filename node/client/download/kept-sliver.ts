import { type BlobCodec, CodecError, sliverLength } from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex } from '../../../codec/types.ts'
import type { SliverCache } from './sliver-cache.ts'

export interface KeptSliversComponents {
  slivers?: SliverCache | undefined
  codec: Pick<BlobCodec, 'verifySliver'>
}

/** A primary sliver from the cache, verified; one that is wrong is dropped. Undefined when there is none. */
export async function keptSliver(
  { slivers, codec }: KeptSliversComponents,
  metadata: BlobMetadata,
  pair: SliverPairIndex,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const { blobId, nShards, unencodedLength } = metadata
  const bytes = await slivers?.get(blobId, pair, sliverLength(nShards, unencodedLength, 'primary'))
  if (bytes === undefined) return undefined
  try {
    await codec.verifySliver(metadata, { pair, axis: 'primary' }, bytes, { signal })
    return bytes
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof CodecError) || !error.code.startsWith('SLIVER_')) throw error
    slivers?.drop(blobId, pair)
    return undefined
  }
}
