import type { BlobMetadata } from '../../../codec/types.ts'
import type { StoredFile } from '../types.ts'
import type { Encode } from './encoding.ts'
import type { Source, SourceInit } from './source.ts'

/** Where blobs that are too large for memory lie while they are stored, or encoded again. */
export interface UploadDisk {
  /** A file to store. Throws as `prepareSource`. */
  open(file: StoredFile, init: SourceInit): Promise<Source>
  /** Takes bytes that come once. Throws ENOSPC unless there is room for so many, where that is said. */
  spool(expectedBytes?: number): Promise<Spool>
  encode: Encode
  /** What it encodes to alone, by way of half its size. Throws as `encode`. */
  metadata(source: Source, nShards: number, options: { signal: AbortSignal }): Promise<BlobMetadata>
}

/** Bytes that came once, kept until it, or its source, is disposed of. */
export interface Spool extends AsyncDisposable {
  /** One at a time. */
  append(bytes: Uint8Array): Promise<void>
  /** All that was appended. */
  source(): Source
}
