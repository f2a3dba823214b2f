import type { Codec } from '../../codec/index.ts'
import { computeBlobId, type EncodedBlob, metadataRoot, sliverHash } from '../../codec/index.ts'
import type { SliverRef } from '../../codec/types.ts'

/** What an uploader makes that commits to another sliver than the blob's: each sliver is right by itself, and they do not match. */
export async function wronglyEncoded(
  codec: Pick<Codec, 'encode'>,
  data: Uint8Array,
  nShards: number,
  stray: SliverRef,
): Promise<EncodedBlob> {
  const blob = await codec.encode(data, nShards)
  using other = await codec.encode(
    data.map(byte => byte ^ 0xff),
    nShards,
  )
  const hashes = blob.metadata.hashes.slice()
  hashes.set(sliverHash(other.metadata, stray), 64 * stray.pair + (stray.axis === 'primary' ? 0 : 32))
  const rootHash = metadataRoot({ nShards, hashes })
  const blobId = computeBlobId(data.length, rootHash)
  const bytes = other.sliver(stray)
  const isStray = ({ pair, axis }: SliverRef) => pair === stray.pair && axis === stray.axis
  return {
    metadata: { ...blob.metadata, blobId, hashes },
    rootHash,
    sliver: ref => (isStray(ref) ? bytes.slice() : blob.sliver(ref)),
    view: ref => (isStray(ref) ? bytes : blob.view(ref)),
    release: () => blob.release(),
    [Symbol.dispose]: () => blob.release(),
  }
}
