import type { Timers } from '../base/timers.ts'
import type { CodecError } from './errors.ts'
import type { InconsistencyProof, ProvenSymbol, RecoverySymbol } from './recovery.ts'
import type { StreamCodec } from './stream/ports.ts'
import type { BlobMetadata, SliverRef } from './types.ts'

/** Where a codec works. */
export interface CodecOptions {
  /** worker threads; the number of cores when absent. 0: no threads, the work is done here in short turns */
  threads?: number
  /** which build of the kernel; the fastest that the engine knows when absent */
  build?: KernelBuild
  /** Gives a build by its file's name, `kernel-plain.wasm`; read or fetched from beside the code when absent. */
  readKernel?: ReadKernel
  /**
   * the time by which turns are cut and unused memory is given back; the machine's when absent. Threads use their own. Without
   * threads and with a clock that stands still, every call takes the same turns each time
   */
  clock?: Timers
}

/** `relaxed` uses relaxed SIMD, where the engine has it; `plain` runs wherever SIMD does. */
export type KernelBuild = 'relaxed' | 'plain'

/** Gives WebAssembly by its file's name. */
export type ReadKernel = (name: string) => Promise<BufferSource>

/** A limit and an end for one call: it rejects with the signal's reason. */
export interface CallOptions {
  signal?: AbortSignal
}

/** A sliver and its bytes in BCS (`SliverData`). */
export interface SliverBytes {
  ref: SliverRef
  bytes: Uint8Array
}

/** A blob in all its slivers, held in memory (4.5 times the blob) until it is released; `using` does that. */
export interface EncodedBlob extends Disposable {
  readonly metadata: BlobMetadata
  /** Merkle root over the metadata's hashes, 32 bytes */
  readonly rootHash: Uint8Array
  /** A copy of one sliver in BCS (`SliverData`); yours to keep. */
  sliver(ref: SliverRef): Uint8Array
  /** The same without the copy. It may lie in shared memory, and dies with `release`. */
  view(ref: SliverRef): Uint8Array
  /** Gives the memory back for the next call. Idempotent; `sliver` and `view` throw CLOSED afterwards. */
  release(): void
}

/** A blob to be decoded. */
export interface DecodeInput {
  metadata: BlobMetadata
  /**
   * At least p distinct primary or s distinct secondary slivers, any indices. More are ignored, once their shape is
   * right: those with the lowest rows, or columns, are taken, and of several with the same name the first.
   */
  slivers: readonly SliverBytes[]
  /** false: skip the check that the result encodes to the blob ID, when every sliver has been verified */
  verify?: boolean
  signal?: AbortSignal
}

/** Bytes of a blob to be decoded. */
export interface RangeInput extends Omit<DecodeInput, 'verify'> {
  /** half-open range of bytes within the blob */
  start: number
  end: number
  /** false: the slivers have been verified */
  verify?: boolean
}

/** A stored sliver, and whose slivers its symbols are to recover. */
export interface RecoverySymbolsInput extends CallOptions {
  metadata: BlobMetadata
  /** the stored sliver and its BCS */
  source: SliverRef
  bytes: Uint8Array
  /** slivers of the other axis */
  targets: readonly SliverRef[]
  /** with the symbols' Merkle paths; without, paths are empty */
  proofs?: boolean
}

/** A lost sliver, and symbols of others that cross it. */
export interface RecoverInput extends CallOptions {
  metadata: BlobMetadata
  target: SliverRef
  /**
   * Symbols at the crossings of distinct slivers with the target: s for a primary sliver, p for a secondary one. More
   * are ignored: those with the lowest indices are taken.
   */
  symbols: readonly RecoverySymbol[]
  /** false: skip the check against the metadata */
  verify?: boolean
}

/** A sliver that could not be recovered rightly, and proven symbols that cross it. */
export interface InconsistencyInput extends CallOptions {
  metadata: BlobMetadata
  target: SliverRef
  symbols: readonly ProvenSymbol[]
}

/** A proof and the metadata of the blob that it accuses. */
export interface VerifyInconsistencyInput extends CallOptions {
  metadata: BlobMetadata
  proof: InconsistencyProof
}

/** A sliver to verify, and the metadata that commits to it. */
export interface SliverOfBlob extends SliverBytes {
  metadata: BlobMetadata
}

/** A stored sliver, and lost ones of the other axis, which it crosses. */
export type CrossingInput = Pick<RecoverySymbolsInput, 'metadata' | 'source' | 'bytes' | 'targets'>

/** What a stored sliver (the source) has at its crossings with lost ones (the targets). */
export interface SourceSymbols {
  /** row or column of the source, not its pair */
  index: number
  /** symbolSize bytes for each target, in their order */
  data: Uint8Array
}

/** Lost slivers of one blob and one axis, and symbols of the slivers that cross all of them. */
export interface RecoverManyInput extends CallOptions {
  metadata: BlobMetadata
  targets: readonly SliverRef[]
  /**
   * Of distinct sources, each with a symbol for every target: s for primary slivers, p for secondary ones. More are ignored:
   * those with the lowest indices are taken.
   */
  received: readonly SourceSymbols[]
  /** false: skip the check against the metadata, when `verifySlivers` follows for the slivers of many blobs */
  verify?: boolean
}

/** What one member of a batch gave, or what is wrong with it. */
export type Outcome<T> = { value: T; error?: undefined } | { value?: undefined; error: CodecError }

/**
 * The same for many slivers at a time: up to several times as cheap for each, and one turn of the threads for all. The answer has
 * the list's order and names each bad member by the error of the single form. A call rejects only with what is no member's
 * fault: the signal's reason, CLOSED, OUT_OF_MEMORY, WORKER_CRASHED, KERNEL_MISSING. Beside the results it takes memory for
 * some 16 MiB of slivers at a time, and scratch for each thread.
 */
export interface SliverBatches {
  /**
   * `verifySliver` for slivers of any blobs; those of one number of shards, axis and symbol size share the work. Undefined for each
   * that is right.
   */
  verifySlivers(slivers: readonly SliverOfBlob[], options?: CallOptions): Promise<(CodecError | undefined)[]>
  /**
   * `recoverySymbols` without proofs for sources of any blobs, each expanded once for all its targets. A node that answers others
   * sends `data` as it is; a node's own slivers are sources for its lost ones in the same way.
   */
  symbolsFor(crossings: readonly CrossingInput[], options?: CallOptions): Promise<Outcome<SourceSymbols>[]>
  /** `recoverSliver` for lost slivers of one blob and axis, which lack the same symbols: what depends on these is computed once. */
  recoverSlivers(input: RecoverManyInput): Promise<Outcome<Uint8Array>[]>
}

/** What is checked without work on slivers, wherever something comes from a peer. */
export interface CodecChecks {
  /** Whether the hashes and the length give the blob ID. */
  isMetadata(metadata: BlobMetadata): Promise<boolean>
  /** Throws SYMBOL_MISMATCH unless the symbol is the one at its source's crossing with the target. */
  verifySymbol(metadata: BlobMetadata, target: SliverRef, symbol: ProvenSymbol): void
}

/** What can be done with single slivers. */
export interface SliverCodec {
  /** Rejects with SLIVER_MALFORMED or SLIVER_MISMATCH unless these bytes are the sliver that the metadata commits to. */
  verifySliver(
    metadata: BlobMetadata,
    ref: SliverRef,
    bytes: Uint8Array,
    options?: CallOptions,
  ): Promise<void>
  /** The symbols of a stored sliver that others need to recover theirs, in order of the targets. */
  recoverySymbols(input: RecoverySymbolsInput): Promise<ProvenSymbol[]>
  /**
   * A lost sliver in BCS, from symbols of others. Rejects with TOO_FEW_SYMBOLS, or SLIVER_MISMATCH: then some symbol
   * is wrong (`verifySymbol` finds it when proofs are fetched) or the blob was encoded wrongly.
   */
  recoverSliver(input: RecoverInput): Promise<Uint8Array>
  /**
   * The proof that `recoverSliver` could not give the right sliver of these symbols, for all that they are right ones.
   * Rejects with PROOF_INVALID when they prove nothing, so that only true proofs are ever sent.
   */
  proveInconsistency(input: InconsistencyInput): Promise<InconsistencyProof>
  /** Resolves when the proof shows that the blob was encoded wrongly; rejects with PROOF_INVALID. */
  verifyInconsistencyProof(input: VerifyInconsistencyInput): Promise<void>
}

/** Red Stuff. Calls may overlap; each is divided among the threads in short turns. */
export interface Codec extends CodecChecks, SliverCodec, SliverBatches, StreamCodec, AsyncDisposable {
  /** Throws BLOB_TOO_LARGE, OUT_OF_MEMORY. */
  encode(data: Uint8Array, nShards: number, options?: CallOptions): Promise<EncodedBlob>
  /** The blob ID and the hashes alone; takes less memory and time than `encode`. */
  metadata(data: Uint8Array, nShards: number, options?: CallOptions): Promise<BlobMetadata>
  /**
   * The blob. Throws TOO_FEW_SLIVERS, SLIVER_MALFORMED, and BLOB_ID_MISMATCH when what comes out does not encode to
   * the blob ID: then some sliver is wrong (`verifySliver` finds it) or the blob was encoded wrongly.
   */
  decode(input: DecodeInput): Promise<Uint8Array>
  /**
   * Some bytes of the blob. When the slivers of `rangeSlivers` are there, only they are used, each verified against
   * the metadata (SLIVER_MISMATCH); else as `decode`, from any slivers that suffice. That the rest of the blob was
   * encoded rightly only `decode` finds.
   */
  decodeRange(input: RangeInput): Promise<Uint8Array>
  /**
   * Starts the threads and makes the tables now, for a call that will come soon: 50 ms and more for each thread, 4 for the
   * tables. Nothing waits for the threads.
   */
  warm(): void
  /** Stops the threads. Calls in flight reject with CLOSED. */
  close(): Promise<void>
}
