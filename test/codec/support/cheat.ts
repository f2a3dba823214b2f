import type { Engine } from '../../../codec/host/engine.ts'
import {
  type BlobMetadata,
  computeBlobId,
  metadataRoot,
  type SliverRef,
  symbolSize,
} from '../../../codec/index.ts'
import { wordRoots } from '../../../codec/jobs/expand.ts'
import { sliverSymbols } from '../../../codec/params.ts'

/** Metadata of an encoder that commits to another sliver than the blob's: consistent in itself, wrong about the blob. */
export async function cheatingMetadata(
  engine: Engine,
  metadata: BlobMetadata,
  ref: SliverRef,
): Promise<BlobMetadata> {
  const { nShards, unencodedLength } = metadata
  const originals = sliverSymbols(nShards, ref.axis)
  const size = symbolSize(nShards, unencodedLength)
  const body = new Uint8Array(originals * size).fill(7)
  const [root] = await wordRoots(engine, { n: nShards, originals, symbolSize: size }, [body])
  const hashes = metadata.hashes.slice()
  hashes.set(root!, 64 * ref.pair + (ref.axis === 'primary' ? 0 : 32))
  const blobId = computeBlobId(unencodedLength, metadataRoot({ nShards, hashes }))
  return { ...metadata, blobId, hashes }
}
