/** Types shared by everything that handles blobs. Only types and brands: no logic. */

type Brand<T, Name extends string> = T & { readonly __brand: Name }

/** A blob ID as text: URL-safe base64 of 32 bytes without padding, always canonical. Made by `parseBlobId` or `blobIdFromBytes`. */
export type BlobId = Brand<string, 'BlobId'>
/** A Sui object ID or address: `0x` and 64 lowercase hex digits. Made by `parseObjectId`. */
export type ObjectId = Brand<string, 'ObjectId'>
/** 0 to n-1: where slivers are kept. */
export type ShardIndex = Brand<number, 'ShardIndex'>
/** 0 to n-1: which sliver pair of a blob. */
export type SliverPairIndex = Brand<number, 'SliverPairIndex'>
/** A Walrus epoch (not a Sui epoch). */
export type Epoch = Brand<number, 'Epoch'>

/** A row (primary) or a column (secondary) of the expanded matrix. */
export type Axis = 'primary' | 'secondary'

/** One sliver of a blob, named by its PAIR index; the secondary sliver of pair i is column n-1-i. */
export interface SliverRef {
  pair: SliverPairIndex
  axis: Axis
}

/** What a certificate says about a blob's life. */
export type Persistence = { kind: 'permanent' } | { kind: 'deletable'; objectId: ObjectId }

/** Metadata of a blob: enough to check each of its slivers. */
export interface BlobMetadata {
  blobId: BlobId
  encodingType: 'RS2'
  /** bytes of the blob before encoding */
  unencodedLength: number
  /** number of sliver pairs = number of shards */
  nShards: number
  /** n x 64 bytes: primary hash and secondary hash of each pair, in order of pairs */
  hashes: Uint8Array
}

/** A signed confirmation of one storage node. */
export interface Confirmation {
  /** BCS of the signed message, see FORMATS in docs/formats.md */
  message: Uint8Array
  /** BLS12-381 min-pk signature, 96 bytes */
  signature: Uint8Array
}

/** An aggregate of confirmations, as the chain takes it. */
export interface Certificate {
  epoch: Epoch
  /** committee member indices (order of node ID), ascending */
  signers: number[]
  message: Uint8Array
  /** aggregate signature, 96 bytes */
  signature: Uint8Array
}
