/** What the rest of Floe sees of Sui. chain/client implements it against any Sui gRPC URL. */
import type { Signer } from '@mysten/sui/cryptography'
import type { BlobId, BlobMetadata, Certificate, Epoch, ObjectId, ShardIndex } from '../codec/types.ts'

/** A limit and an end for one call: it rejects with the signal's reason. */
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
  /** the shared `wal::ProtectedTreasury`, which burns a part of each epoch's payments; needed to start an epoch */
  treasuryObjectId?: ObjectId
  /** hints: where to find peers before the chain was read */
  peers: { peerId: string; multiaddrs: string[]; http?: string }[]
  gateway?: string
  /** fixed for a network's life; known where the network was made, so that blob IDs can be computed offline */
  nShards?: number
}

/** A storage node with shards, and the keys by which it is known in this epoch. */
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

/** The members of one epoch and their shards. Every one of the `nShards` shards belongs to exactly one member. */
export interface Committee {
  epoch: Epoch
  nShards: number
  members: CommitteeMember[]
  /**
   * Set on a previous committee that was not read while it was in office: the chain keeps who had which shards, not the
   * keys. The BLS keys are the nodes' present ones then, so a certificate that does not verify may be good all the same.
   */
  keysUncertain?: true
}

/** How far an epoch has come. `weight` is in shards; `sinceMs` is the chain's clock, in ms since 1970. */
export type EpochState =
  | { kind: 'sync'; weight: number }
  | { kind: 'done'; sinceMs: number }
  | { kind: 'next-params-selected'; sinceMs: number }

/**
 * The committees that count: blobs certified before an epoch change are read from the previous one until it is done.
 */
export interface Committees {
  epoch: Epoch
  state: EpochState
  current: Committee
  previous?: Committee
}

/** Prices, sizes and limits of a network, as its system object has them now. */
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

/** What a registration pays for: `epochs` from the current one on, for the encoded size of the metadata's blob. */
export interface RegisterInput {
  metadata: BlobMetadata
  /** Merkle root over the metadata's hashes; computed when absent. The contract checks that it gives the blob ID. */
  rootHash?: Uint8Array
  epochs: number
  deletable: boolean
}

/** How a registration is watched while it is under way. */
export interface RegisterOptions extends CallOptions {
  /** Waited for once the transaction is ready, before it is signed; when it rejects, nothing is sent. */
  permission?: Promise<unknown> | undefined
  /** Called as soon as the registration was executed, before the Blob object has been read. */
  onExecuted?: (executed: { objectId: ObjectId; digest: string }) => void
  /**
   * Called as the transaction is begun, and again when it has to be begun anew: with what resolves once nothing of it is
   * under way any more, though the signal may have ended the wait long before.
   */
  onBegun?: (settled: Promise<void>) => void
}

/** What certifying does besides, and what it need not read. */
export interface CertifyOptions extends CallOptions {
  transferTo?: ObjectId
  /** The Blob object as it was registered: then it is not read again, and a moment may pass until reads show it certified. */
  registered?: BlobObject
}

/**
 * A registration that was executed: the Blob object, the transaction's digest, and what storage and writing cost in
 * FROST.
 */
export interface Registration {
  blob: BlobObject
  digest: string
  costFrost: bigint
}

/** An address and what signs for it; `keypairWallet` and `parseKeystore` make one. */
export interface Wallet {
  address: ObjectId
  signer: Signer
}

/** Position in the event stream; opaque, durable, totally ordered by arrival. */
export type EventCursor = string

interface EventBase {
  cursor: EventCursor
  digest: string
  /** index of the event in its transaction */
  eventIndex: number
  checkpoint: bigint
  timestampMs: number
}

/** An event of the contract's package. Those without a shape of their own are `Other`, with their BCS. */
export type ChainEvent = EventBase &
  (
    | {
        type: 'BlobRegistered'
        epoch: Epoch
        blobId: BlobId
        size: number
        endEpoch: Epoch
        deletable: boolean
        objectId: ObjectId
      }
    | {
        type: 'BlobCertified'
        epoch: Epoch
        blobId: BlobId
        endEpoch: Epoch
        deletable: boolean
        objectId: ObjectId
        isExtension: boolean
      }
    | {
        type: 'BlobDeleted'
        epoch: Epoch
        blobId: BlobId
        endEpoch: Epoch
        objectId: ObjectId
        wasCertified: boolean
      }
    | { type: 'InvalidBlobID'; epoch: Epoch; blobId: BlobId }
    | { type: 'EpochChangeStart'; epoch: Epoch }
    | { type: 'EpochChangeDone'; epoch: Epoch }
    | { type: 'EpochParametersSelected'; nextEpoch: Epoch }
    | { type: 'ShardsReceived'; epoch: Epoch; shards: ShardIndex[] }
    | { type: 'Other'; name: string; bcs: Uint8Array }
  )

/** What the chain has registered of a node's keys. */
export interface RegisteredKeys {
  /** 48 bytes */
  blsPublicKey: Uint8Array
  /** counts from the next epoch on */
  nextBlsPublicKey?: Uint8Array
  /** 33 bytes: 0x00 || Ed25519 public key */
  networkPublicKey: Uint8Array
}

/** From where events are followed, and until when. */
export interface FollowOptions {
  from?: EventCursor
  signal: AbortSignal
  /** Called once, when all that had happened before the call were dealt with. */
  onCaughtUp?: () => void
}

/** Reads. Errors are ChainError with a closed code. */
export interface ChainReader {
  readonly network: NetworkConfig
  /** `recent` is content with what was read in the last 2 s or is being read. */
  system(options?: CallOptions & { recent?: boolean }): Promise<SystemInfo>
  /** Cached per epoch; `fresh` asks the chain. */
  committees(options?: CallOptions & { fresh?: boolean }): Promise<Committees>
  /** A Blob object; undefined when there is none of this ID. */
  blob(objectId: ObjectId, options?: CallOptions): Promise<BlobObject | undefined>
  /** The keys in a node's record, in the committee or not; undefined when there is no such node. */
  nodeKeys(nodeId: ObjectId, options?: CallOptions): Promise<RegisteredKeys | undefined>
  /** All Blob objects of an address, expired ones too. */
  ownedBlobs(owner: ObjectId, options?: CallOptions): Promise<BlobObject[]>
  /** Coins of an address, in MIST and in FROST. */
  balances(owner: ObjectId, options?: CallOptions): Promise<{ sui: bigint; wal: bigint }>
  /**
   * Every event of the package, in order, none skipped, none repeated, from after `from` (from the start when absent); ends
   * only by the signal, or with HISTORY_PRUNED, MALFORMED, CURSOR_UNKNOWN. `onCaughtUp` is called once, when all that had happened before the call were dealt with.
   */
  follow(options: FollowOptions): AsyncIterable<ChainEvent>
}

/** Writes; each is one transaction, signed by the wallet. */
export interface ChainWriter {
  readonly wallet: Wallet
  /** reserve_space and register_blob in one transaction. */
  register(input: RegisterInput, options?: RegisterOptions): Promise<Registration>
  /** A blob that is certified already is a success: its digest is empty then. */
  certify(
    blobObjectId: ObjectId,
    certificate: Certificate,
    options?: CertifyOptions,
  ): Promise<{ digest: string; blob: BlobObject; costFrost: bigint }>
  /** Pays for so many epochs more. Throws ChainError, MOVE_ABORT above all for one that has ended. */
  extend(blobObjectId: ObjectId, epochs: number, options?: CallOptions): Promise<{ digest: string }>
  /** Deletes a deletable Blob object and gives its storage back to the wallet. Throws ChainError. */
  deleteBlob(blobObjectId: ObjectId, options?: CallOptions): Promise<{ digest: string }>
}

export interface Coordinator extends ChainReader, AsyncDisposable {
  /** Transactions of this wallet, which go one after the other. */
  writer(wallet: Wallet): ChainWriter
  /** Ends every call, stream and wait with CLOSED. Idempotent. */
  close(): Promise<void>
}

/** What a node asks for when it registers; the BLS key proves itself by a signature made for the current epoch. */
export interface Candidate {
  name: string
  /** host:port[/path] of the HTTP face */
  networkAddress: string
  /** 33 bytes: 0x00 || Ed25519 public key */
  networkPublicKey: Uint8Array
  multiaddrs: string[]
  /** 48 bytes */
  blsPublicKey: Uint8Array
  /** signs with the BLS key; 96 bytes */
  sign(message: Uint8Array): Uint8Array
  /** of 10,000 */
  commissionRate: number
  storagePriceFrost: bigint
  writePriceFrost: bigint
  nodeCapacityBytes: bigint
}

/** A node's right to act on chain: its StorageNodeCap. */
export interface NodeCapability {
  objectId: ObjectId
  nodeId: ObjectId
  /** 0 when it never reported an epoch as synced */
  lastEpochSyncDone: Epoch
}

/** What storage nodes do on chain; the wallet owns the StorageNodeCap. Aborts are ChainError MOVE_ABORT. */
export interface NodeOperator {
  readonly wallet: Wallet
  /** undefined while the wallet has registered no node */
  capability(options?: CallOptions): Promise<NodeCapability | undefined>
  /** Registers the wallet's node with a proof of possession; it gets shards once it has stake. Throws ChainError. */
  register(candidate: Candidate, options?: CallOptions): Promise<NodeCapability>
  /** Ends the votes and selects the next committee; anyone may, once half the epoch is over. */
  votingEnd(options?: CallOptions): Promise<{ digest: string }>
  /** Starts the next epoch; anyone may, once the current one is over. */
  initiateEpochChange(options?: CallOptions): Promise<{ digest: string }>
  /** Tells that the node keeps all of its shards of this epoch. A second call aborts with EDuplicateSyncDone. */
  epochSyncDone(epoch: Epoch, options?: CallOptions): Promise<{ digest: string }>
  /** Prices apply at once, the capacity from the next epoch on. */
  vote(
    votes: { storagePriceFrost?: bigint; writePriceFrost?: bigint; nodeCapacityBytes?: bigint },
    options?: CallOptions,
  ): Promise<{ digest: string }>
  /** `host:port[/path]` of the HTTP face; clients see it at once. */
  setNetworkAddress(address: string, options?: CallOptions): Promise<{ digest: string }>
  /** Where peers dial the node; an extra field of its metadata, which keeps its other fields. */
  setMultiaddrs(multiaddrs: string[], options?: CallOptions): Promise<{ digest: string }>
}

/** A stake with a node. */
export interface Stake {
  objectId: ObjectId
  nodeId: ObjectId
  principalFrost: bigint
  /** first epoch in which it earns */
  activationEpoch: Epoch
  state: { kind: 'staked' } | { kind: 'withdrawing'; withdrawEpoch: Epoch }
}

/** Stakes of one wallet. */
export interface Staker {
  readonly wallet: Wallet
  /** Stakes an amount of FROST, at least 1 WAL, with a node. It earns from `activationEpoch` on. */
  stake(
    nodeId: ObjectId,
    amountFrost: bigint,
    options?: CallOptions,
  ): Promise<{ digest: string; stake: Stake }>
  /** Gives notice. Stake that does not count yet needs none: its abort is EWithdrawDirectly. */
  requestWithdrawal(stakeObjectId: ObjectId, options?: CallOptions): Promise<{ digest: string; stake: Stake }>
  /** Pays out with rewards. */
  withdraw(stakeObjectId: ObjectId, options?: CallOptions): Promise<{ digest: string }>
}

/** What the owner of a blob does with it besides storing. */
export interface BlobManager {
  readonly wallet: Wallet
  /** Sets attributes by name; others stay as they are. */
  setAttributes(
    blob: ObjectId,
    attributes: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<{ digest: string }>
  /** Removes those that are there. */
  removeAttributes(
    blob: ObjectId,
    keys: readonly string[],
    options?: CallOptions,
  ): Promise<{ digest: string }>
  /** Destroys the object and its storage, deletable or not; the nodes keep the data until it expires. */
  burn(blob: ObjectId, options?: CallOptions): Promise<{ digest: string }>
  /** Makes a shared blob, which anyone may fund and extend. */
  share(
    blob: ObjectId,
    options?: CallOptions & { fundFrost?: bigint },
  ): Promise<{ digest: string; sharedBlob: ObjectId }>
  /** Adds FROST to a shared blob, whoever made it. */
  fundShared(sharedBlob: ObjectId, amountFrost: bigint, options?: CallOptions): Promise<{ digest: string }>
  /** Pays from the shared blob's funds. */
  extendShared(sharedBlob: ObjectId, epochs: number, options?: CallOptions): Promise<{ digest: string }>
  /** Gives a Blob object to another address. */
  send(blob: ObjectId, recipient: ObjectId, options?: CallOptions): Promise<{ digest: string }>
}

/** A blob that belongs to nobody: anyone may fund it, and extend it from its funds. */
export interface SharedBlob {
  objectId: ObjectId
  blob: BlobObject
  fundsFrost: bigint
}

/** Versions that a new network's objects can have: that of Walrus's deployed packages, and the newest. */
export type ContractVersion = 3 | 4

/** The contract on chain. */
export interface ContractPackages {
  /** the one to call now */
  packageId: ObjectId
  /** the first one, which its types are named by */
  originalPackageId: ObjectId
  /** version of the system object */
  contractVersion: number
}

/** The coordinator with all that the chain offers. */
export interface FullCoordinator extends Coordinator {
  /** What the wallet's storage node does on chain. */
  operator(wallet: Wallet): NodeOperator
  /** Stakes of the wallet. */
  staker(wallet: Wallet): Staker
  /** What the wallet does with its blobs besides storing. */
  manager(wallet: Wallet): BlobManager
  /** All stakes of an address. */
  stakes(owner: ObjectId, options?: CallOptions): Promise<Stake[]>
  /** undefined when there is none of this ID */
  sharedBlob(objectId: ObjectId, options?: CallOptions): Promise<SharedBlob | undefined>
  /** Where the contract is, and its version. */
  packages(options?: CallOptions): Promise<ContractPackages>
  /** Attributes of a blob; empty when it has none. */
  attributes(blob: ObjectId, options?: CallOptions): Promise<Record<string, string>>
  /** Every candidate and member: the staking pools. */
  nodes(options?: CallOptions): Promise<NodeRecord[]>
}

/** A registered node, in the committee or not. */
export interface NodeRecord {
  nodeId: ObjectId
  name: string
  networkAddress: string
  /** 33 bytes */
  networkPublicKey: Uint8Array
  /** FROST staked with it, as of the last epoch it was updated in */
  stakedFrost: bigint
  /** of 10,000 */
  commissionRate: number
  storagePriceFrost: bigint
  writePriceFrost: bigint
  nodeCapacityBytes: bigint
}
