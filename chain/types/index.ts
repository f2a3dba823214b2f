/** What the rest of Floe sees of Sui. chain/client implements it against any Sui gRPC URL. */
import type { BlobId, BlobMetadata, Certificate, Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'
import type { ChallengeEvent, Challenger, ChallengeStanding } from './challenges.ts'
import type { Committees, EpochTiming } from './epochs.ts'
import type { NetworkParameters } from './parameters.ts'
import type { NodeOperator, NodeRecord, RegisteredKeys, Stake, Staker } from './staking.ts'

export type * from './challenges.ts'
export type * from './epochs.ts'
export type * from './parameters.ts'
export type * from './staking.ts'

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
  /** multiaddrs, with PeerIds, of relays by which nodes without addresses of their own are reached */
  relays?: string[]
  gateway?: string
  /** fixed for a network's life; known where the network was made, so that blob IDs can be computed offline */
  nShards?: number
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

/** Room that is paid for, with a blob in it or not: bytes of encoding, for the epochs up to, and without, the last. */
export interface StorageObject {
  id: ObjectId
  startEpoch: Epoch
  endEpoch: Epoch
  storageSize: bigint
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
  storage: StorageObject
  owner?: ObjectId
}

/** What a registration pays for: `epochs` from the current one on, for the encoded size of the metadata's blob. */
export interface RegisterInput {
  metadata: BlobMetadata
  /** Merkle root over the metadata's hashes; computed when absent. The contract checks that it gives the blob ID. */
  rootHash?: Uint8Array
  epochs: number
  deletable: boolean
  /** Takes storage of the wallet's that holds no blob, of deleted ones, and buys only what that lacks; false when absent. */
  reuseStorage?: boolean
}

export interface ExtendOptions extends CallOptions {
  /** No further than to this epoch, if another program has extended the blob meanwhile. */
  untilEpoch?: number | undefined
  /** Throws COST_ABOVE_LIMIT, and pays nothing, when it would cost more FROST. */
  maxCostFrost?: bigint | undefined
}

/** What certifying does besides, and what it need not read. */
export interface CertifyOptions extends CallOptions {
  /** Not with `share`. */
  transferTo?: ObjectId | undefined
  /** Makes a shared blob of it, which anyone may fund and extend. Its Blob object is inside of that, then. */
  share?: boolean | undefined
  /** Pays in the same transaction for what the blob, as it is by then, lacks until this epoch. */
  untilEpoch?: number | undefined
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
  /** in storage that the wallet had, or a part of it */
  reusedStorage?: boolean
}

/** What certifying came to. */
export interface Certification {
  /** empty when nothing had to be done */
  digest: string
  blob: BlobObject
  /** of more epochs: certifying is paid for by the registration */
  costFrost: bigint
  /** of a blob that was shared */
  sharedBlob?: ObjectId | undefined
}

/**
 * A registration that is ready to be signed. The wallet's other transactions wait for it, as they would take the same coins:
 * submit it, or dispose of it.
 */
export interface PreparedRegistration extends Disposable {
  /**
   * Signs it and hands it in, once. Resolves when it was executed; from the moment in which it is handed in it goes on, though
   * the signal that it was prepared with is aborted. Until this settles it may be paid for.
   */
  submit(): Promise<SubmittedRegistration>
}

/** A registration that was executed, before reads show it. */
export interface SubmittedRegistration {
  objectId: ObjectId
  digest: string
  /** Once the Blob object can be read. */
  visible: Promise<Registration>
}

/** What signs transactions; each signer of `@mysten/sui` is one. */
export interface TransactionSigner {
  /** `0x` and 64 hex digits */
  toSuiAddress(): string
  /** Both in base64: what was signed, and flag, signature and public key one after the other. */
  signTransaction(bytes: Uint8Array): Promise<{ bytes: string; signature: string }>
}

/** An address and what signs for it; `keypairWallet` and `parseKeystore` make one. */
export interface Wallet {
  address: ObjectId
  signer: TransactionSigner
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
    | { type: 'ShardRecoveryStart'; epoch: Epoch; shards: ShardIndex[] }
    | ChallengeEvent
    | { type: 'Other'; name: string; bcs: Uint8Array }
  )

/** From where events are followed, and until when. */
export interface FollowOptions {
  from?: EventCursor
  /** Without `from`: HISTORY_PRUNED where the RPC does not keep the package's first events any more. */
  complete?: boolean
  signal: AbortSignal
  /** Called once, when all that had happened before the call were dealt with. */
  onCaughtUp?: () => void
  /** Called as often as that changes. */
  onProgress?: (progress: FollowProgress) => void
  /** Each time it is told, the chain is asked at once whether there is more than the RPC has sent. */
  look?: {
    /** Resolves when it is told, also when that was before the call. Rejects with the signal's reason. */
    wait(signal: AbortSignal): Promise<void>
  }
}

/** How far events were followed. */
export interface FollowProgress {
  /** All up to and with it were dealt with. */
  checkpoint: bigint
  /** It was the chain's end when it was heard of; not so while a gap is made up for, or no RPC answers. */
  isTip: boolean
}

/** Reads. Errors are ChainError with a closed code. */
export interface ChainReader {
  readonly network: NetworkConfig
  /** `recent` is content with what was read in the last 2 s or is being read. */
  system(options?: CallOptions & { recent?: boolean }): Promise<SystemInfo>
  /**
   * Who is in office is known for 2 s, how members are reached for 60 s. `fresh` asks the chain for the first at once, and
   * for the second when that was read more than 5 s ago.
   */
  committees(options?: CallOptions & { fresh?: boolean }): Promise<Committees>
  /** Where the epoch stands, and the chain's time; always asks the chain. */
  epochTiming(options?: CallOptions): Promise<EpochTiming>
  /** The chain's time, by which epochs are counted: ms since 1970. It need not be this machine's. */
  chainTime(options?: CallOptions): Promise<number>
  /** A Blob object; undefined when there is none of this ID. */
  blob(objectId: ObjectId, options?: CallOptions): Promise<BlobObject | undefined>
  /** The keys in a node's record, in the committee or not; undefined when there is no such node. */
  nodeKeys(nodeId: ObjectId, options?: CallOptions): Promise<RegisteredKeys | undefined>
  /** All Blob objects of an address, expired ones too. */
  ownedBlobs(owner: ObjectId, options?: CallOptions): Promise<BlobObject[]>
  /** Coins of an address, in MIST and in FROST. */
  balances(owner: ObjectId, options?: CallOptions): Promise<{ sui: bigint; wal: bigint }>
  /** Whether what comes after an event is still kept, as far as the RPC node says; not after what is no cursor. */
  isKept(cursor: EventCursor, options?: CallOptions): Promise<boolean>
  /**
   * Every event of the package, in order, none skipped, none repeated, from after `from` (from the oldest that is kept when
   * absent); ends only by the signal, or with HISTORY_PRUNED, MALFORMED, CURSOR_UNKNOWN. `onCaughtUp` is called once, when
   * all that had happened before the call were dealt with.
   */
  follow(options: FollowOptions): AsyncIterable<ChainEvent>
}

/** What one who only reads blobs asks the chain, a tenth of the coordinator's code: pages load it. */
export interface CommitteeSource extends Pick<ChainReader, 'system' | 'committees'>, AsyncDisposable {
  /** Ends every call with CLOSED. Idempotent. */
  close(): Promise<void>
}

/** Writes; each is one transaction, signed by the wallet. */
export interface ChainWriter {
  readonly wallet: Wallet
  /** others that register for the wallet: until it is certified, a blob belongs to one of these */
  readonly subWallets?: readonly ObjectId[]
  /** those that another process has for now: what belongs to one of these is not gone on with, and not paid for again either */
  readonly subWalletsElsewhere?: readonly ObjectId[]
  /** reserve_space and register_blob in one transaction. */
  register(input: RegisterInput, options?: CallOptions): Promise<Registration>
  /** The same as far as it is possible before it is signed: built and simulated, so that what would fail throws here. */
  prepareRegistration(input: RegisterInput, options?: CallOptions): Promise<PreparedRegistration>
  /** A blob that is certified already is a success: its digest is empty then. */
  certify(blobObjectId: ObjectId, certificate: Certificate, options?: CertifyOptions): Promise<Certification>
  /**
   * Pays for so many epochs more; tells what they cost, and the Blob object after that: with an empty digest when there was nothing
   * to pay for. Throws ChainError, MOVE_ABORT above all for one that has ended.
   */
  extend(
    blobObjectId: ObjectId,
    epochs: number,
    options?: ExtendOptions,
  ): Promise<{ digest: string; costFrost: bigint; blob: BlobObject }>
  /** Deletes a deletable Blob object and gives its storage back to the wallet. Throws ChainError. */
  deleteBlob(blobObjectId: ObjectId, options?: CallOptions): Promise<{ digest: string }>
}

export interface Coordinator extends ChainReader, AsyncDisposable {
  /** Transactions of this wallet, which go one after the other. */
  writer(wallet: Wallet): ChainWriter
  /** Ends every call, stream and wait with CLOSED. Idempotent. */
  close(): Promise<void>
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
  /** Adds FROST to a shared blob of anyone. */
  fundShared(sharedBlob: ObjectId, amountFrost: bigint, options?: CallOptions): Promise<{ digest: string }>
  /** Pays from the shared blob's funds, to which `fundFrost` are added in the same transaction. */
  extendShared(
    sharedBlob: ObjectId,
    epochs: number,
    options?: CallOptions & { fundFrost?: bigint },
  ): Promise<{ digest: string }>
  /** Splits a Storage object in two, at so many bytes or at an epoch; tells the new one. */
  splitStorage(
    storage: ObjectId,
    at: { bytes: bigint } | { epoch: number },
    options?: CallOptions,
  ): Promise<{ digest: string; rest: ObjectId }>
  /** Adds others to the first: adjacent periods of the same size, or bytes for the same period. */
  mergeStorages(
    first: ObjectId,
    others: readonly ObjectId[],
    options?: CallOptions,
  ): Promise<{ digest: string }>
  /** Gives Storage objects up; nothing is paid back. */
  burnStorages(storages: readonly ObjectId[], options?: CallOptions): Promise<{ digest: string }>
  /** Sends SUI, in a transaction that also has bytes as an input, by which its recipient knows what it is for. */
  sendSui(
    recipient: ObjectId,
    amountMist: bigint,
    options?: CallOptions & { note?: Uint8Array },
  ): Promise<{ digest: string }>
  /** Gives a Blob object to another address. */
  send(blob: ObjectId, recipient: ObjectId, options?: CallOptions): Promise<{ digest: string }>
}

/** Coins for an address. */
export interface Payment {
  to: ObjectId
  mist: bigint
  frost: bigint
}

/** What a wallet does with its coins besides paying for blobs. */
export interface Cashier {
  readonly wallet: Wallet
  /** All in one transaction. Throws ChainError: NOT_ENOUGH_WAL, and what a simulation says of SUI that is not there. */
  pay(payments: readonly Payment[], options?: CallOptions): Promise<{ digest: string }>
  /** Gives its Blob objects to another address, 200 in a transaction, and all coins where that is wished, SUI last; tells of the last one. */
  handOver(to: ObjectId, options: CallOptions & { coins: boolean }): Promise<{ digest: string }>
}

/** A blob that belongs to nobody: anyone may fund it, and extend it from its funds. */
export interface SharedBlob {
  objectId: ObjectId
  blob: BlobObject
  fundsFrost: bigint
}

/** The blob that an object stands for: one of an owner, a shared one, or one in a storage pool. */
export interface BlobReference {
  kind: 'owned' | 'shared' | 'pooled'
  blobId: BlobId
  /** the object that its attributes are of: a shared blob's inner one */
  attributesOf: ObjectId
}

/** Some of an address's Blob objects, with their attributes. */
export interface OwnedPage {
  /** `endsAtMs`: the earliest end of its time, by the chain's clock in ms since 1970; absent when it is over */
  blobs: { blob: BlobObject; attributes: Record<string, string>; endsAtMs?: number | undefined }[]
  /** the current one */
  epoch: Epoch
  /** where the next page begins; undefined after the last */
  next: string | undefined
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

/** A transaction, as one who was to be paid by it looks at it. */
export interface PaymentRecord {
  digest: string
  succeeded: boolean
  /** the chain's time; undefined while no checkpoint has it */
  timestampMs?: number | undefined
  /** its pure inputs, in order */
  pureInputs: readonly Uint8Array[]
  /** how many MIST each address had more, or less, after it */
  receivedMist: Readonly<Record<ObjectId, bigint>>
}

/** The coordinator with all that the chain offers. */
export interface FullCoordinator extends Coordinator {
  /** What the wallet's storage node does on chain. */
  operator(wallet: Wallet): NodeOperator
  /** Stakes of the wallet. */
  staker(wallet: Wallet): Staker
  /** Storage challenges. */
  challenger(wallet: Wallet): Challenger
  /** What the wallet does with its blobs besides storing. */
  manager(wallet: Wallet): BlobManager
  /** Its coins. */
  cashier(wallet: Wallet): Cashier
  /** All stakes of an address. */
  stakes(owner: ObjectId, options?: CallOptions): Promise<Stake[]>
  /** All Storage objects of an address, without those of its blobs. */
  ownedStorages(owner: ObjectId, options?: CallOptions): Promise<StorageObject[]>
  /** undefined when there is none of this ID */
  sharedBlob(objectId: ObjectId, options?: CallOptions): Promise<SharedBlob | undefined>
  /** undefined when there is none of this ID, or it stands for no blob */
  blobReference(objectId: ObjectId, options?: CallOptions): Promise<BlobReference | undefined>
  /** Blob objects of an address with their attributes, `limit` at a time and 50 at most, from where the page before ended. */
  ownedPage(
    owner: ObjectId,
    options: CallOptions & { limit: number; cursor?: string | undefined },
  ): Promise<OwnedPage>
  /** Where the contract is, and its version. */
  packages(options?: CallOptions): Promise<ContractPackages>
  /** Attributes of a blob; empty when it has none. */
  attributes(blob: ObjectId, options?: CallOptions): Promise<Record<string, string>>
  /** What a transaction paid to whom; undefined when the RPC knows none of this digest. */
  payment(digest: string, options?: CallOptions): Promise<PaymentRecord | undefined>
  /** What nodes vote on apart from prices and capacity, with the votes of this epoch. */
  parameters(options?: CallOptions): Promise<NetworkParameters>
  /** The rounds of this epoch's storage challenges that were opened. */
  challenges(options?: CallOptions): Promise<ChallengeStanding[]>
  /** Every candidate and member: the staking pools. */
  nodes(options?: CallOptions): Promise<NodeRecord[]>
}
