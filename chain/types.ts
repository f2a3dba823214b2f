/** What the rest of Floe sees of Sui. chain/client implements it against any Sui gRPC URL. */
import type { Signer } from '@mysten/sui/cryptography'
import type { BlobId, BlobMetadata, Certificate, Epoch, ObjectId, ShardIndex } from '../codec/types.ts'

export interface CallOptions {
  signal?: AbortSignal
}

/** A network is data: localnet, testnet and mainnet differ only here. */
export interface NetworkConfig {
  schemaVersion: 1
  name: string
  kind: 'localnet' | 'testnet' | 'mainnet'
  /** Sui gRPC URLs, tried in order */
  suiRpc: string[]
  faucet?: string
  systemObjectId: ObjectId
  stakingObjectId: ObjectId
  /** type of the WAL coin, `0x..::wal::WAL` */
  walType: string
  /** hints: where to find peers before the chain was read */
  peers: { peerId: string; multiaddrs: string[]; http?: string }[]
  gateway?: string
  /** fixed for a network's life; known where the network was made, so that blob IDs can be computed offline */
  nShards?: number
}

export interface CommitteeMember {
  /** position in order of node ID */
  index: number
  nodeId: ObjectId
  name: string
  /** host:port[/path] of the HTTP face */
  networkAddress: string
  /** 33 bytes: 0x00 || Ed25519 public key */
  networkPublicKey: Uint8Array
  /** 48 bytes */
  blsPublicKey: Uint8Array
  shards: ShardIndex[]
  /** multiaddrs from the metadata's extra field `multiaddrs` */
  multiaddrs: string[]
}

export interface Committee {
  epoch: Epoch
  nShards: number
  members: CommitteeMember[]
}

export type EpochState =
  | { kind: 'sync'; weight: number }
  | { kind: 'done'; sinceMs: number }
  | { kind: 'next-params-selected'; sinceMs: number }

export interface Committees {
  epoch: Epoch
  state: EpochState
  current: Committee
  previous?: Committee
}

export interface SystemInfo {
  epoch: Epoch
  nShards: number
  /** FROST per MiB and epoch */
  storagePriceFrost: bigint
  /** FROST per MiB, once */
  writePriceFrost: bigint
  totalCapacityBytes: bigint
  usedCapacityBytes: bigint
  maxEpochsAhead: number
  epochDurationMs: number
}

/** A `Blob` object on chain. */
export interface BlobObject {
  objectId: ObjectId
  blobId: BlobId
  registeredEpoch: Epoch
  certifiedEpoch?: Epoch
  size: number
  encodingType: number
  deletable: boolean
  storage: { id: ObjectId; startEpoch: Epoch; endEpoch: Epoch; storageSize: bigint }
  owner?: ObjectId
}

export interface RegisterInput {
  metadata: BlobMetadata
  epochs: number
  deletable: boolean
  /** who gets the Blob object; the wallet's own address when absent. The sender certifies first, then it is transferred. */
}

export interface Registration {
  blob: BlobObject
  digest: string
  costFrost: bigint
}

export interface Wallet {
  address: ObjectId
  signer: Signer
}

/** Position in the event stream; opaque, durable, totally ordered by arrival. */
export type EventCursor = string

interface EventBase {
  cursor: EventCursor
  digest: string
  checkpoint: bigint
  timestampMs: number
}

export type ChainEvent = EventBase &
  (
    | { type: 'BlobRegistered'; epoch: Epoch; blobId: BlobId; size: number; endEpoch: Epoch; deletable: boolean; objectId: ObjectId }
    | { type: 'BlobCertified'; epoch: Epoch; blobId: BlobId; endEpoch: Epoch; deletable: boolean; objectId: ObjectId; isExtension: boolean }
    | { type: 'BlobDeleted'; epoch: Epoch; blobId: BlobId; endEpoch: Epoch; objectId: ObjectId; wasCertified: boolean }
    | { type: 'InvalidBlobID'; epoch: Epoch; blobId: BlobId }
    | { type: 'EpochChangeStart'; epoch: Epoch }
    | { type: 'EpochChangeDone'; epoch: Epoch }
    | { type: 'EpochParametersSelected'; nextEpoch: Epoch }
    | { type: 'ShardsReceived'; epoch: Epoch; shards: ShardIndex[] }
    | { type: 'Other'; name: string; bcs: Uint8Array }
  )

/** Reads. Errors are ChainError with a closed code. */
export interface ChainReader {
  readonly network: NetworkConfig
  system(options?: CallOptions): Promise<SystemInfo>
  /** Cached per epoch; `fresh` asks the chain. */
  committees(options?: CallOptions & { fresh?: boolean }): Promise<Committees>
  blob(objectId: ObjectId, options?: CallOptions): Promise<BlobObject | undefined>
  ownedBlobs(owner: ObjectId, options?: CallOptions): Promise<BlobObject[]>
  balances(owner: ObjectId, options?: CallOptions): Promise<{ sui: bigint; wal: bigint }>
  /** Every event of the package, in order, none skipped, none repeated, from after `from` (from the start when absent); ends only by the signal. */
  follow(options: { from?: EventCursor; signal: AbortSignal }): AsyncIterable<ChainEvent>
}

/** Writes; each is one transaction, signed by the wallet. */
export interface ChainWriter {
  readonly wallet: Wallet
  /** reserve_space and register_blob in one transaction. */
  register(input: RegisterInput, options?: CallOptions): Promise<Registration>
  certify(blobObjectId: ObjectId, certificate: Certificate, options?: CallOptions & { transferTo?: ObjectId }): Promise<{ digest: string; blob: BlobObject; costFrost: bigint }>
  extend(blobObjectId: ObjectId, epochs: number, options?: CallOptions): Promise<{ digest: string }>
  deleteBlob(blobObjectId: ObjectId, options?: CallOptions): Promise<{ digest: string }>
}

export interface Coordinator extends ChainReader {
  writer(wallet: Wallet): ChainWriter
  close(): Promise<void>
}
