/** What the CLI and the gateway see of a Floe network. node/client.ts composes it. */
import type { BlobObject, Committees, SystemInfo } from '../../chain/types.ts'
import type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'

/** How far a call has come: `done` of `total` in its phase, bytes or slivers. */
export interface Progress {
  phase: 'encode' | 'register' | 'upload' | 'certify' | 'fetch' | 'decode'
  done: number
  total: number
}

/** How a blob is stored. `epochs` counts from the current one on. */
export interface StoreOptions {
  epochs: number
  deletable: boolean
  /** register and certify a new Blob object even when the blob is already certified */
  force?: boolean
  sendObjectTo?: ObjectId
  /** Called often; must not throw. */
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
}

/** What storing came to: paid for now, or certified already for long enough, which costs nothing. */
export type StoreResult =
  | {
      kind: 'newlyCreated'
      blobId: BlobId
      blob: BlobObject
      costFrost: bigint
      encodedLength: number
      epochsAhead: number
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

/** What is read, and how it is watched. */
export interface ReadOptions {
  /** half-open byte range; the whole blob when absent */
  range?: { start: number; end: number }
  /**
   * Of a range: awaited before its rows are fetched, with what they take in memory, and once more when one of them cannot
   * be had and the whole blob has to be read instead. The last figure is what counts; a rejection ends the read.
   */
  room?: (bytes: number) => Promise<void>
  /** Called often; must not throw. */
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
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
  status: 'nonexistent' | 'registered' | 'certified' | 'invalid'
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
   * Encodes, pays for, sends and certifies a blob, held in memory. Throws ClientError: NO_WALLET, INSUFFICIENT_FUNDS,
   * BLOB_TOO_LARGE, INVALID_OPTION, TOO_FEW_CONFIRMATIONS, NO_SPACE, NODES_BUSY, REGISTRATION_ENDED, WALLET_BUSY,
   * CHAIN_UNAVAILABLE, CHAIN_REJECTED. Called again after a failure it resumes: nothing is paid twice, no sliver that
   * a node has is sent.
   */
  store(data: Uint8Array, options: StoreOptions): Promise<StoreResult>
  /**
   * A blob, or a range of it, from whichever nodes answer first; what of a range lies beyond the blob is left out. Throws
   * ClientError: BLOB_NOT_FOUND, BLOB_INVALID, TOO_FEW_SHARDS, CHAIN_UNAVAILABLE.
   */
  read(blobId: BlobId, options?: ReadOptions): Promise<ReadResult>
  /** Size of a blob without reading it: from its metadata. */
  stat(blobId: BlobId, options?: { signal?: AbortSignal }): Promise<{ blobId: BlobId; size: number }>
  /** What the nodes know of a blob. Throws ClientError TOO_FEW_SHARDS when too few answer to tell. */
  status(blobId: BlobId, options?: { signal?: AbortSignal }): Promise<NetworkBlobStatus>
  /** Prices, capacity, epoch and committees, asked of the chain anew. */
  info(options?: { signal?: AbortSignal }): Promise<{ system: SystemInfo; committees: Committees }>
  /** Lets uploads hand their last slivers over for up to 10 s, then ends everything. Idempotent. */
  close(): Promise<void>
}
