/** The codec where it is the same everywhere; `node.ts` and `browser.ts` add BLS. */
export { type BlobCodec, createAdaptiveCodec } from './adaptive-codec.ts'
export { decodeExact } from './bcs.ts'
export {
  MAX_TABLE_PAGE_BYTES,
  pageHash,
  rowsHash,
  TABLE_END,
  TableDecoder,
  TableEncoder,
  type TableEntry,
  type TableHead,
  tableDigest,
} from './blob-table.ts'
export type { Bls, BlsSum } from './bls.ts'
export {
  type Aggregation,
  aggregateConfirmations,
  bitmapSigners,
  type Confirmations,
  signersBitmap,
  verifyCertificate,
  type WeightedMember,
} from './certificate.ts'
export { createCodec } from './codec.ts'
export { CodecError, type CodecErrorCode, type CodecErrorDetails, isCodecError } from './errors.ts'
export {
  blobIdFromBytes,
  blobIdFromU256,
  blobIdToBytes,
  blobIdToU256,
  objectIdFromBytes,
  objectIdToBytes,
  parseBlobId,
  parseObjectId,
} from './ids.ts'
export type {
  CallOptions,
  Codec,
  CodecChecks,
  CodecOptions,
  CrossingInput,
  DecodeInput,
  EncodedBlob,
  InconsistencyInput,
  KernelBuild,
  Outcome,
  RangeInput,
  ReadKernel,
  RecoverInput,
  RecoverManyInput,
  RecoverySymbolsInput,
  SliverBatches,
  SliverBytes,
  SliverCodec,
  SliverOfBlob,
  SourceSymbols,
  VerifyInconsistencyInput,
} from './interface.ts'
export {
  type ChallengeBody,
  type ConfirmationBody,
  challengeMessage,
  confirmationMessage,
  INTENT,
  invalidBlobMessage,
  parseConfirmationMessage,
  parseInvalidBlobMessage,
  proofOfPossessionMessage,
} from './messages.ts'
export {
  computeBlobId,
  decodeMetadata,
  encodeMetadata,
  isMetadata,
  metadataRoot,
  metadataShards,
  sliverHash,
  unencodedLengthIn,
  verifyMetadata,
} from './metadata.ts'
export {
  type EncodingParams,
  encodedSize,
  encodingParams,
  maxBlobSize,
  sliverLength,
  sliverSymbols,
  storageUnits,
  symbolSize,
} from './params.ts'
export {
  isPiece,
  PIECE_BYTES,
  type PieceShape,
  pieceCrossing,
  pieceLength,
  pieceOf,
  piecePath,
  piecePathLength,
  pieceShape,
} from './pieces.ts'
export { pairOfShard, shardOfPair } from './placement.ts'
export { type EncodedQuilt, encodeQuilt, type QuiltFile, quiltLength } from './quilt/encode.ts'
export {
  parseQuiltPatchId,
  type QuiltContents,
  type QuiltPatchRef,
  quiltPatchId,
  type Tags,
} from './quilt/format.ts'
export {
  openQuilt,
  type QuiltFileReader,
  type QuiltPatch,
  type QuiltReader,
  type QuiltReadOptions,
  type QuiltSource,
  quiltInBlob,
} from './quilt/read.ts'
export { rangeSlivers } from './range.ts'
export {
  decodeInconsistencyProof,
  decodeRecoverySymbol,
  encodeInconsistencyProof,
  encodeRecoverySymbol,
  type InconsistencyProof,
  longestInconsistencyProof,
  type ProvenSymbol,
  type RecoverySymbol,
  sliverRef,
  verifySymbol,
} from './recovery.ts'
export { rememberingBls } from './remembering-bls.ts'
export {
  SLIVER_HEAD_BYTES,
  sliverBody,
  sliverFrame,
  sliverFromBody,
  sliverIndex,
  sliverLengthAt,
  sliverRefsOf,
} from './sliver.ts'
export type {
  BlobSource,
  BlobTarget,
  DecodeStreamInput,
  EncodeStreamInput,
  SliverFiles,
  StreamCodec,
  StreamOptions,
  StreamProgress,
} from './stream/ports.ts'
export { isQuorum, isValidity, quorumWeight } from './thresholds.ts'
export type * from './types.ts'
