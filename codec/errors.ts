import { CodedError } from '../base/coded-error.ts'

/** Everything that can go wrong in the codec. The list is closed: callers may switch over it. */
export type CodecErrorCode =
  /** a text is not a canonical blob ID, object ID or address */
  | 'INVALID_ID'
  /** a number of shards, an index, a length or another argument is out of range: { what, value } */
  | 'INVALID_ARGUMENT'
  /** { maxBytes, actualBytes } */
  | 'BLOB_TOO_LARGE'
  /** bytes that are not the one canonical encoding of what they should be: { what } */
  | 'MALFORMED'
  /** metadata whose hashes do not give its blob ID */
  | 'METADATA_MISMATCH'
  /** a sliver of a wrong length, symbol size or index: { pair, axis, what } */
  | 'SLIVER_MALFORMED'
  /** a sliver that is not the one the metadata commits to: { pair, axis } */
  | 'SLIVER_MISMATCH'
  /** a recovery symbol or its proof does not belong to the sliver: { pair, axis } */
  | 'SYMBOL_MISMATCH'
  /** { neededPrimary, neededSecondary, gotPrimary, gotSecondary } distinct slivers */
  | 'TOO_FEW_SLIVERS'
  /** { needed, got } distinct recovery symbols */
  | 'TOO_FEW_SYMBOLS'
  /** the bytes decoded do not encode to the blob ID: some sliver was wrong, or the blob was encoded wrongly */
  | 'BLOB_ID_MISMATCH'
  /** a source that has to be read twice gave other bytes the second time */
  | 'SOURCE_CHANGED'
  /** an inconsistency proof that proves nothing: { reason } */
  | 'PROOF_INVALID'
  /** a quilt that breaks its format: { reason } */
  | 'QUILT_INVALID'
  /** { identifier } */
  | 'QUILT_PATCH_NOT_FOUND'
  /** bytes that are no BLS key or signature: { what } */
  | 'INVALID_KEY'
  /** { reason } */
  | 'CERTIFICATE_INVALID'
  /** the WebAssembly kernel has not been built: run `npm run build` */
  | 'KERNEL_MISSING'
  /** a worker thread died while it worked for this call; the next call gets a new one */
  | 'WORKER_CRASHED'
  /** more memory than WebAssembly can address or the machine gives: { bytes } */
  | 'OUT_OF_MEMORY'
  /** the codec was closed, or an encoded blob was used after `release` */
  | 'CLOSED'

/** The one error class of the codec: a closed `code` and the data that belongs to it. */
export class CodecError extends CodedError<Record<CodecErrorCode, Readonly<Record<string, unknown>>>> {
  override readonly name = 'CodecError'

  constructor(
    code: CodecErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(code, message, details, options)
  }
}

/** An argument out of range. */
export function invalidArgument(what: string, value: unknown): CodecError {
  return new CodecError('INVALID_ARGUMENT', `${what} is out of range: ${String(value)}`, { what, value })
}
