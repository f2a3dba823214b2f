/** What the CLI and the gateway see of a Floe network. node/client.ts composes it. */
import type { BlobObject, Committees, SystemInfo } from '../../chain/types/index.ts'
import type { BlobSource } from '../../codec/index.ts'
import type { BlobId, BlobMetadata, Certificate, Epoch, ObjectId } from '../../codec/types.ts'

/** How far a call has come: `done` of `total` in its phase, bytes or slivers. */
export interface Progress {
  phase: 'encode' | 'register' | 'upload' | 'certify' | 'fetch' | 'decode'
  done: number
  total: number
}

/**
 * What can be stored: bytes; a file, which must stay as it is meanwhile; or anything that gives its bytes in order, once.
 * What is larger than 32 MiB is not held in memory where there is a disk: it takes 4.5 times its size in a scratch folder, and its size once more
 * when it is no file.
 */
export type StoreSource = Uint8Array | StoredFile | AsyncIterable<Uint8Array>

/** A file to store, by its path. */
export interface StoredFile {
  path: string
  /** It will not be there for another try, so that nothing of a failed one is kept for that. */
  temporary?: boolean
}

/** How a blob is stored. `epochs` counts from the current one on. */
export interface StoreOptions {
  epochs: number
  deletable: boolean
  /** register and certify a new Blob object even when the blob is already certified */
  force?: boolean
  /** A new Blob object for this address, also of what is stored already; the wallet keeps it when absent. */
  sendObjectTo?: ObjectId
  /** Makes a shared blob, which anyone may fund and extend: a new one, also of what is stored already. Not of a deletable one. */
  share?: boolean
  /**
   * Uses what the wallet has, instead of buying: storage of deleted blobs, registrations that were cut short, a blob that ends too
   * early. True when absent.
   */
  reuse?: boolean
  /**
   * Sends the blob in place of this client once it is registered, and gives the nodes' certificate: an upload relay. What it rejects with is
   * thrown, and stored again the registration is used. The same function for the same relay, so that those who ask at once are one upload.
   */
  sendBy?: ((blob: RegisteredBlob, signal: AbortSignal) => Promise<Certificate>) | undefined
  /** Called often; must not throw. */
  onProgress?: (progress: Progress) => void
  /** Called as soon as a transaction was handed in: it may be paid for, whatever becomes of the upload. Must not throw. */
  onSubmitted?: () => void
  /** Called with the new Blob object, which is certified once this has resolved. */
  onRegistered?: ((objectId: ObjectId) => Promise<void>) | undefined
  /**
   * What `onRegistered` was told in an earlier call, of the same content and options, that was cut short: goes on with that object,
   * or tells what has become of it, instead of paying again. One that has ended is none.
   */
  goOnWith?: ObjectId | undefined
  /**
   * An earlier call, of the same content and options, may have been cut short before `onRegistered` was told: an own registration that is
   * not certified is gone on with, whatever `force` and `reuse` say.
   */
  mayHaveBegun?: boolean | undefined
  /** Whether an own registration that was cut short may be gone on with: not one that another call will name to `goOnWith`. Any when absent. */
  mayTake?: ((objectId: ObjectId) => Promise<boolean>) | undefined
  signal?: AbortSignal
}

/** What was done on chain for a new blob: bought, or taken of what the wallet had. */
export type ResourceOperation =
  | { kind: 'registerFromScratch' }
  /** in storage of the wallet's that held no blob */
  | { kind: 'reuseStorage' }
  /** an own registration whose upload was cut short */
  | { kind: 'reuseRegistration' }
  /** an own blob, certified or not, that would have ended too early */
  | { kind: 'reuseAndExtend' | 'reuseAndExtendNonCertified'; epochsExtended: number }

/** What storing came to: paid for now, or certified already for long enough, which costs nothing. */
export type StoreResult =
  | {
      kind: 'newlyCreated'
      blobId: BlobId
      blob: BlobObject
      costFrost: bigint
      encodedLength: number
      epochsAhead: number
      operation: ResourceOperation
      /** of a blob that was shared */
      sharedBlob?: ObjectId
      /** weight of the confirmations in the certificate, in shards */
      confirmedShards: number
    }
  | {
      kind: 'alreadyCertified'
      blobId: BlobId
      endEpoch: Epoch
      objectId?: ObjectId
      event?: { txDigest: string; eventSeq: string }
    }

/** A blob that somebody has registered, and whose registration nodes can see. */
export interface RegisteredBlob {
  blobId: BlobId
  /** the Blob object of a deletable blob; a permanent one when absent */
  deletableObject?: ObjectId | undefined
}

/** How sending is watched, and ended. */
export interface SendOptions {
  /** Called often; must not throw. */
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
}

/** Half-open, in bytes. */
export interface ByteRange {
  start: number
  end: number
}

/** What is read, and how it is watched. */
export interface ReadOptions {
  /** the whole blob when absent */
  range?: ByteRange
  /** Called often; must not throw. */
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
}

/**
 * How bytes are checked before they are given: each row of the encoding by itself, as it comes; or the blob as a whole, encoded again, of
 * more than 32 MiB by way of files of one and a half times its size. By its size when absent: small ones as a whole.
 */
export type ReadCheck = 'rows' | 'blob'

/** `start` and `end` as in Array.slice, but never negative: to the blob's end when absent, or beyond it. */
export interface HandleReadOptions extends Partial<ByteRange> {
  check?: ReadCheck
  /** Called often; must not throw. */
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
}

/** A node that sent what is not of the blob. */
export interface Liar {
  nodeId: string
  name: string
  what: 'sliver' | 'metadata'
}

/**
 * A blob to read from, its metadata known and checked against its ID. Methods throw ClientError, or the reason of the signal
 * that was given. Close it when done; `await using` does. The client's end is its end.
 */
export interface BlobHandle extends AsyncDisposable {
  readonly blobId: BlobId
  /** bytes */
  readonly size: number
  readonly metadata: BlobMetadata
  /** peers that lied while this handle was read from */
  readonly liars: readonly Liar[]
  /** A part, or all of it, in memory. */
  read(options?: HandleReadOptions): Promise<Uint8Array>
  /**
   * The same in order, a row of the encoding at a time, each verified before it is given. The peers wait while the consumer
   * does; leaving the loop ends every request. What cannot be had from the owners of rows is decoded from what others have, by
   * way of a nameless file in the system's temporary folder. Small blobs come in one piece.
   */
  stream(options?: HandleReadOptions): AsyncGenerator<Uint8Array, void, undefined>
  /**
   * Bytes of the blob that streaming the range holds in memory at most. Decoding takes 32 MiB more, once for a client however
   * many do it.
   */
  memoryFor(range?: Partial<ByteRange>, check?: ReadCheck): number
  /**
   * A column of the encoding below s, its symbols one under the other, verified: what files of a quilt are made of (`openQuilt` of the
   * codec). The whole blob is read once for all columns when it is small, or when a node has not got its column.
   */
  column(index: number, options?: { signal?: AbortSignal }): Promise<Uint8Array>
  /** How many bytes from the beginning of a source are the blob's, by whole rows: to go on with what was cut short. */
  verifiedBytes(source: BlobSource, options?: { signal?: AbortSignal }): Promise<number>
  /** Ends what is read from it. Idempotent. */
  close(): Promise<void>
}

/** Bytes of a blob, every one of them checked against its ID. */
export interface ReadResult {
  blobId: BlobId
  /** size of the whole blob in bytes */
  size: number
  /** the bytes of the range asked for */
  data: Uint8Array
}

/** What a quorum of shards says of a blob. */
export interface NetworkBlobStatus {
  blobId: BlobId
  /** `ended`: it was certified until `endEpoch`, or deleted then; told for two epochs, and `nonexistent` after that */
  status: 'nonexistent' | 'registered' | 'certified' | 'ended' | 'invalid'
  endEpoch?: Epoch
  initialCertifiedEpoch?: Epoch
  deletable?: boolean
  /** of a permanent blob: the transaction that certified it last, or registered it */
  event?: { txDigest: string; eventSeq: string }
  /** size in bytes, when some node has the metadata */
  size?: number
  /** shards whose nodes answered, of how many */
  answeredShards: number
  nShards: number
}

/** Errors are ClientError with a closed code. Close it; `await using` does. */
export interface Client extends AsyncDisposable {
  /**
   * Encodes, pays for, sends and certifies a blob, of any size that the network takes. Throws ClientError: NO_WALLET, INSUFFICIENT_FUNDS,
   * BLOB_TOO_LARGE, SOURCE_CHANGED, INVALID_OPTION, TOO_FEW_CONFIRMATIONS, NO_SPACE, NODES_BUSY, REGISTRATION_ENDED, WALLET_BUSY,
   * CHAIN_UNAVAILABLE, CHAIN_REJECTED; node's errors of files. Called again after a failure it resumes: nothing is paid twice, no sliver that
   * a node has is sent.
   */
  store(source: StoreSource, options: StoreOptions): Promise<StoreResult>
  /**
   * Encodes and sends a blob that somebody else has registered; needs no wallet. Gives the nodes' certificate, which is for the
   * owner of the Blob object to hand in, within the epoch. Throws as `store`, and BLOB_ID_MISMATCH.
   */
  sendRegistered(source: StoreSource, blob: RegisteredBlob, options?: SendOptions): Promise<Certificate>
  /**
   * A blob, or a range of it, from whichever nodes answer first; what of a range lies beyond the blob is left out. Throws
   * ClientError: BLOB_NOT_FOUND, BLOB_ENDED, BLOB_INVALID, TOO_FEW_SHARDS, CHAIN_UNAVAILABLE.
   */
  read(blobId: BlobId, options?: ReadOptions): Promise<ReadResult>
  /** Finds a blob by its metadata. The signal ends the search, and not what is read afterwards. */
  open(blobId: BlobId, options?: { signal?: AbortSignal }): Promise<BlobHandle>
  /** What the nodes know of a blob. Throws ClientError TOO_FEW_SHARDS when too few answer to tell. */
  status(blobId: BlobId, options?: { signal?: AbortSignal }): Promise<NetworkBlobStatus>
  /** Prices, capacity, epoch and committees, asked of the chain anew. */
  info(options?: { signal?: AbortSignal }): Promise<{ system: SystemInfo; committees: Committees }>
  /** Lets uploads hand their last slivers over for up to 10 s, then ends everything. Idempotent. */
  close(): Promise<void>
}
