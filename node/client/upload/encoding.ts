import type { BlobCodec } from '../../../codec/index.ts'
import type { BlobMetadata, SliverRef } from '../../../codec/types.ts'
import type { OutgoingSliver } from '../../../protocols/index.ts'
import type { Progress } from '../types.ts'
import type { UploadDisk } from './disk.ts'
import type { Source } from './source.ts'

/** A blob in all its slivers, ready to be sent. They are gone when it is disposed of. */
export interface Encoding extends AsyncDisposable {
  readonly metadata: BlobMetadata
  /** Merkle root over the metadata's hashes, 32 bytes */
  readonly rootHash: Uint8Array
  /** A sliver to send. It may lie in memory that is used for something else once the slivers are gone. */
  sliver(ref: SliverRef): OutgoingSliver
  /** The blob may be stored again soon: what lies on disk is left for that. */
  keep(): void
}

export interface EncodeOptions {
  signal: AbortSignal
  onProgress?: (progress: Progress) => void
}

/** Encodes blobs. Throws as the codec, node's file errors, or the signal's reason. */
export type Encode = (source: Source, nShards: number, options: EncodeOptions) => Promise<Encoding>

/** Small ones in memory, the others on the disk: what is larger is not prepared where there is none. */
export function createEncode(
  codec: Pick<BlobCodec, 'encode'>,
  disk: Pick<UploadDisk, 'encode'> | undefined,
): Encode {
  return async (source, nShards, options) => {
    const { signal, onProgress } = options
    const { bytes } = source
    if (bytes === undefined) {
      if (disk === undefined) throw new Error('only what is in memory can be encoded without a disk')
      return await disk.encode(source, nShards, options)
    }
    onProgress?.({ phase: 'encode', done: 0, total: 1 })
    const encoded = await codec.encode(bytes, nShards, { signal })
    onProgress?.({ phase: 'encode', done: 1, total: 1 })
    const { metadata, rootHash } = encoded
    return disposable({ metadata, rootHash, sliver: ref => encoded.view(ref) }, async () => encoded.release())
  }
}

export type Encoded = Pick<Encoding, 'metadata' | 'rootHash' | 'sliver'>

/** `free` is told whether what lies on disk is kept. */
export function disposable(encoded: Encoded, free: (kept: boolean) => Promise<void>): Encoding {
  let kept = false
  let freed: Promise<void> | undefined
  return {
    ...encoded,
    keep() {
      kept = true
    },
    [Symbol.asyncDispose]() {
      freed ??= free(kept)
      return freed
    },
  }
}
