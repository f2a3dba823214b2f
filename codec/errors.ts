import { CodedError, type NoDetails } from '../base/coded-error.ts'
import type { BlobId, SliverRef } from './types.ts'

/** Everything that can go wrong in the codec, and the data that belongs to it. The list is closed. */
export interface CodecErrorDetails {
  /** a text is not a canonical blob ID, object ID or address; `meant` is the blob ID that it is another form of */
  INVALID_ID: { meant?: BlobId }
  /** a number of shards, an index, a length or another argument is out of range */
  INVALID_ARGUMENT: { what: string; value: unknown }
  BLOB_TOO_LARGE: { maxBytes: number; actualBytes: number }
  /** bytes that are not the one canonical encoding of what they should be */
  MALFORMED: { what: string }
  /** metadata whose hashes do not give its blob ID */
  METADATA_MISMATCH: { blobId: BlobId }
  /** a sliver of a wrong length, symbol size or index, which is `what` */
  SLIVER_MALFORMED: SliverRef & { what: string }
  /** a sliver that is not the one the metadata commits to */
  SLIVER_MISMATCH: SliverRef
  /** a recovery symbol of this source, or its proof, does not belong to the sliver; the source by its row or column where that is known only */
  SYMBOL_MISMATCH: SliverRef | { index: number }
  /** distinct slivers */
  TOO_FEW_SLIVERS: {
    neededPrimary: number
    neededSecondary: number
    gotPrimary: number
    gotSecondary: number
  }
  /** distinct recovery symbols */
  TOO_FEW_SYMBOLS: { needed: number; got: number }
  /** the bytes decoded do not encode to the blob ID: some sliver was wrong, or the blob was encoded wrongly */
  BLOB_ID_MISMATCH: { blobId: BlobId }
  /** a source that has to be read twice gave other bytes the second time */
  SOURCE_CHANGED: NoDetails
  /** an inconsistency proof that proves nothing */
  PROOF_INVALID: { reason: string }
  /** a quilt that breaks its format */
  QUILT_INVALID: { reason: string }
  QUILT_PATCH_NOT_FOUND: { identifier: string }
  /** bytes that are no BLS key or signature */
  INVALID_KEY: { what: string }
  CERTIFICATE_INVALID: { reason: string }
  /** the WebAssembly kernel has not been built: run `npm run build` */
  KERNEL_MISSING: NoDetails
  /** a worker thread died while it worked for this call; the next call gets a new one */
  WORKER_CRASHED: NoDetails
  /** more memory than WebAssembly can address or the machine gives */
  OUT_OF_MEMORY: { bytes: number }
  /** the codec was closed, or an encoded blob was used after `release` */
  CLOSED: NoDetails
}

/** The closed list of codes; `CodecErrorDetails` says what each means and carries. */
export type CodecErrorCode = keyof CodecErrorDetails

/** The one error class of the codec: a closed `code` and the data that belongs to it. */
export class CodecError<Code extends CodecErrorCode = CodecErrorCode> extends CodedError<
  CodecErrorDetails,
  Code
> {
  override readonly name = 'CodecError'
}

/** Narrows to one code: `isCodecError(error, 'BLOB_TOO_LARGE') && error.details.maxBytes`. */
export function isCodecError<Code extends CodecErrorCode>(
  error: unknown,
  code: Code,
): error is CodecError<Code> {
  return error instanceof CodecError && error.code === code
}

/** An argument out of range. */
export function invalidArgument(what: string, value: unknown): CodecError {
  return new CodecError('INVALID_ARGUMENT', `${what} is out of range: ${String(value)}`, { what, value })
}
