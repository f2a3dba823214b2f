import type { Certificate, Epoch, ObjectId } from '../../codec/types.ts'
import type { ParameterKey } from '../parameters.ts'
import type { CallOptions, Wallet } from './index.ts'

/** What the chain has registered of a node's keys. */
export interface RegisteredKeys {
  /** 48 bytes */
  blsPublicKey: Uint8Array
  /** counts from the next epoch on */
  nextBlsPublicKey?: Uint8Array
  /** 33 bytes: 0x00 || Ed25519 public key */
  networkPublicKey: Uint8Array
}

/** A registered node, in the committee or not. */
export interface NodeRecord {
  nodeId: ObjectId
  name: string
  networkAddress: string
  /** 33 bytes */
  networkPublicKey: Uint8Array
  /** the address or object that may vote and act for it; nodes with the same one have the same operator */
  operator: ObjectId
  /** in which it could first be a member */
  activationEpoch: Epoch
  /** FROST staked with it, as of the last epoch it was updated in */
  stakedFrost: bigint
  /** of 10,000 */
  commissionRate: number
  storagePriceFrost: bigint
  writePriceFrost: bigint
  nodeCapacityBytes: bigint
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

/** A new BLS key, which proves itself by a signature made for the current epoch. */
export type SigningKey = Pick<Candidate, 'blsPublicKey' | 'sign'>

/** `epoch` is the one that the call is meant to end. */
export interface EndingOptions extends CallOptions {
  epoch?: Epoch
}

/**
 * What storage nodes do on chain; the wallet owns the StorageNodeCap. Aborts are ChainError MOVE_ABORT; those of an epoch's
 * change tell by `details.refusal` what they mean, `DONE_BEFORE` above all: somebody was first. A wallet without gas is
 * NOT_ENOUGH_SUI, with its address and what is missing.
 */
export interface NodeOperator {
  readonly wallet: Wallet
  /** undefined while the wallet has registered no node */
  capability(options?: CallOptions): Promise<NodeCapability | undefined>
  /** Registers the wallet's node with a proof of possession; it gets shards once it has stake. Throws ChainError. */
  register(candidate: Candidate, options?: CallOptions): Promise<NodeCapability>
  /** Ends the votes and selects the next committee; anyone may, once half the epoch is over. */
  votingEnd(options?: EndingOptions): Promise<{ digest: string }>
  /** Starts the next epoch; anyone may, once the current one is over. */
  initiateEpochChange(options?: EndingOptions): Promise<{ digest: string }>
  /** Tells that the node keeps all of its shards of this epoch. A second call aborts with EDuplicateSyncDone. */
  epochSyncDone(epoch: Epoch, options?: CallOptions): Promise<{ digest: string }>
  /** Prices apply at once, the capacity from the next epoch on. */
  vote(
    votes: { storagePriceFrost?: bigint; writePriceFrost?: bigint; nodeCapacityBytes?: bigint },
    options?: CallOptions,
  ): Promise<{ digest: string }>
  /**
   * Votes for a value of a parameter, in place of an earlier vote of this epoch; once 2f + 1 shards agree it is in force from the
   * next epoch on. Throws INVALID_ARGUMENT for a value outside of `PARAMETERS`.
   */
  voteForParameter(key: ParameterKey, value: number, options?: CallOptions): Promise<{ digest: string }>
  /** `host:port[/path]` of the HTTP face; clients see it at once. */
  setNetworkAddress(address: string, options?: CallOptions): Promise<{ digest: string }>
  /** Where peers dial the node; an extra field of its metadata, which keeps its other fields. */
  setMultiaddrs(multiaddrs: string[], options?: CallOptions): Promise<{ digest: string }>
  /** The node signs with this key from the next epoch for which a committee is selected on. */
  setNextPublicKey(key: SigningKey, options?: CallOptions): Promise<{ digest: string }>
  /** 33 bytes: 0x00 || Ed25519 public key, from which the PeerId follows; peers see it at once. */
  setNetworkPublicKey(networkPublicKey: Uint8Array, options?: CallOptions): Promise<{ digest: string }>
  /** What people read of the node; clients see it at once. */
  setName(name: string, options?: CallOptions): Promise<{ digest: string }>
  /** Of 10,000; counts from the epoch after the next on. */
  setNextCommission(commissionRate: number, options?: CallOptions): Promise<{ digest: string }>
  /** Pays out to the wallet what the node has earned by its commission; aborts where another receiver was named. */
  collectCommission(options?: CallOptions): Promise<{ digest: string }>
  /** Declares a blob ID invalid by a certificate of f + 1 shards over `invalidBlobMessage`; anyone may. */
  invalidateBlobId(certificate: Certificate, options?: CallOptions): Promise<{ digest: string }>
}

/** A stake with a node. */
export interface Stake {
  objectId: ObjectId
  nodeId: ObjectId
  principalFrost: bigint
  /** first epoch in which it earns */
  activationEpoch: Epoch
  state: { kind: 'staked' } | { kind: 'withdrawing'; withdrawEpoch: Epoch }
  /** of the principal, that it pays when it is withdrawn: it had not counted for long when notice was given */
  feeFrost?: bigint
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
