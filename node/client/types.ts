/** What the CLI and the gateway see of a Floe network. node/client.ts composes it. */
import type { BlobObject, Committees, SystemInfo } from '../../chain/types.ts'
import type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'

export interface Progress {
  phase: 'encode' | 'register' | 'upload' | 'certify' | 'fetch' | 'decode'
  done: number
  total: number
}

export interface StoreOptions {
  epochs: number
  deletable: boolean
  /** register and certify a new Blob object even when the blob is already certified */
  force?: boolean
  sendObjectTo?: ObjectId
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
}

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

export interface ReadOptions {
  /** half-open byte range; the whole blob when absent */
  range?: { start: number; end: number }
  /**
   * Of a range: awaited before its rows are fetched, with what they take in memory, and once more when one of them cannot
   * be had and the whole blob has to be read instead. The last figure is what counts; a rejection ends the read.
   */
  room?: (bytes: number) => Promise<void>
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
}

export interface ReadResult {
  blobId: BlobId
  /** size of the whole blob in bytes */
  size: number
  /** the bytes of the range asked for */
  data: Uint8Array
}

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
  store(data: Uint8Array, options: StoreOptions): Promise<StoreResult>
  read(blobId: BlobId, options?: ReadOptions): Promise<ReadResult>
  /** Size of a blob without reading it: from its metadata. */
  stat(blobId: BlobId, options?: { signal?: AbortSignal }): Promise<{ blobId: BlobId; size: number }>
  status(blobId: BlobId, options?: { signal?: AbortSignal }): Promise<NetworkBlobStatus>
  info(options?: { signal?: AbortSignal }): Promise<{ system: SystemInfo; committees: Committees }>
  close(): Promise<void>
}
