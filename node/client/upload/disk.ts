import type { StoredFile } from '../types.ts'
import type { Encode } from './encoding.ts'
import type { Source, SourceInit } from './source.ts'

/** Where blobs that are too large for memory lie while they are stored. */
export interface UploadDisk {
  /** A file to store. Throws as `prepareSource`. */
  open(file: StoredFile, init: SourceInit): Promise<Source>
  /** Takes bytes that come once. */
  spool(): Promise<Spool>
  encode: Encode
}

/** Bytes that came once, kept until it, or its source, is disposed of. */
export interface Spool extends AsyncDisposable {
  /** One at a time. */
  append(bytes: Uint8Array): Promise<void>
  /** All that was appended. */
  source(): Source
}
