/**
 * One function per Move call, in the order of arguments that Walrus's package has. They only add commands to a
 * transaction: nothing is read or sent here.
 */
import { bcs } from '@mysten/sui/bcs'
import type { Transaction, TransactionObjectArgument, TransactionResult } from '@mysten/sui/transactions'
import type { ObjectId } from '../../codec/types.ts'

type ObjectArgument = TransactionObjectArgument | string

/** Where the package and its shared objects are. */
export interface CallTarget {
  packageId: ObjectId
  system: { objectId: ObjectId; initialSharedVersion: string }
  staking: { objectId: ObjectId; initialSharedVersion: string }
}

/** An empty node metadata is all strings empty; `extra` are its free fields. */
export interface NodeMetadata {
  imageUrl: string
  projectUrl: string
  description: string
  extra: Readonly<Record<string, string>>
}

export interface CandidateArguments {
  name: string
  networkAddress: string
  metadata: NodeMetadata
  /** 48 bytes */
  blsPublicKey: Uint8Array
  /** 33 bytes */
  networkPublicKey: Uint8Array
  proofOfPossession: Uint8Array
  /** of 10,000 */
  commissionRate: number
  storagePriceFrost: bigint
  writePriceFrost: bigint
  nodeCapacityBytes: bigint
}

export interface CertificateArguments {
  signature: Uint8Array
  signersBitmap: Uint8Array
  message: Uint8Array
}

/** Adds the package's calls to one transaction. */
export class Calls {
  readonly tx: Transaction
  readonly #target: CallTarget

  constructor(tx: Transaction, target: CallTarget) {
    this.tx = tx
    this.#target = target
  }

  reserveSpace(storageBytes: bigint, epochsAhead: number, payment: ObjectArgument): TransactionResult {
    const { tx } = this
    return this.#call('system', 'reserve_space', [
      this.#system(true),
      tx.pure.u64(storageBytes),
      tx.pure.u32(epochsAhead),
      tx.object(payment),
    ])
  }

  /** The same for the epochs from `startEpoch` up to, and without, `endEpoch`. */
  reserveSpaceForEpochs(
    storageBytes: bigint,
    startEpoch: number,
    endEpoch: number,
    payment: ObjectArgument,
  ): TransactionResult {
    const { tx } = this
    return this.#call('system', 'reserve_space_for_epochs', [
      this.#system(true),
      tx.pure.u64(storageBytes),
      tx.pure.u32(startEpoch),
      tx.pure.u32(endEpoch),
      tx.object(payment),
    ])
  }

  /** Gives the Storage with what is beyond so many bytes. */
  splitBySize(storage: ObjectArgument, bytes: bigint): TransactionResult {
    const { tx } = this
    return this.#call('storage_resource', 'split_by_size', [tx.object(storage), tx.pure.u64(bytes)])
  }

  /** Gives the Storage of the epochs from `epoch` on. */
  splitByEpoch(storage: ObjectArgument, epoch: number): TransactionResult {
    const { tx } = this
    return this.#call('storage_resource', 'split_by_epoch', [tx.object(storage), tx.pure.u32(epoch)])
  }

  /** Adds the second to the first: an adjacent period of the same size, or bytes for the same period. */
  fuseStorages(first: ObjectArgument, second: ObjectArgument): void {
    const { tx } = this
    this.#call('storage_resource', 'fuse', [tx.object(first), tx.object(second)])
  }

  destroyStorage(storage: ObjectArgument): void {
    this.#call('storage_resource', 'destroy', [this.tx.object(storage)])
  }

  registerBlob(input: {
    storage: ObjectArgument
    blobId: bigint
    rootHash: bigint
    sizeBytes: number
    encodingType: number
    deletable: boolean
    payment: ObjectArgument
  }): TransactionResult {
    const { tx } = this
    return this.#call('system', 'register_blob', [
      this.#system(true),
      tx.object(input.storage),
      tx.pure.u256(input.blobId),
      tx.pure.u256(input.rootHash),
      tx.pure.u64(input.sizeBytes),
      tx.pure.u8(input.encodingType),
      tx.pure.bool(input.deletable),
      tx.object(input.payment),
    ])
  }

  certifyBlob(blob: ObjectArgument, proof: CertificateArguments): void {
    const { tx } = this
    this.#call('system', 'certify_blob', [
      this.#system(false),
      tx.object(blob),
      this.#bytes(proof.signature),
      this.#bytes(proof.signersBitmap),
      this.#bytes(proof.message),
    ])
  }

  /** Gives the Storage that the blob had. */
  deleteBlob(blob: ObjectArgument): TransactionResult {
    return this.#call('system', 'delete_blob', [this.#system(false), this.tx.object(blob)])
  }

  extendBlob(blob: ObjectArgument, extendedEpochs: number, payment: ObjectArgument): void {
    const { tx } = this
    this.#call('system', 'extend_blob', [
      this.#system(true),
      tx.object(blob),
      tx.pure.u32(extendedEpochs),
      tx.object(payment),
    ])
  }

  /** Gives the StorageNodeCap. */
  registerCandidate(node: CandidateArguments): TransactionResult {
    const { tx } = this
    return this.#call('staking', 'register_candidate', [
      this.#staking(),
      tx.pure.string(node.name),
      tx.pure.string(node.networkAddress),
      this.nodeMetadata(node.metadata),
      this.#bytes(node.blsPublicKey),
      this.#bytes(node.networkPublicKey),
      this.#bytes(node.proofOfPossession),
      tx.pure.u16(node.commissionRate),
      tx.pure.u64(node.storagePriceFrost),
      tx.pure.u64(node.writePriceFrost),
      tx.pure.u64(node.nodeCapacityBytes),
    ])
  }

  nodeMetadata({ imageUrl, projectUrl, description, extra }: NodeMetadata): TransactionResult {
    const { tx } = this
    const text = (value: string) => tx.pure.string(value)
    const metadata = this.#call('node_metadata', 'new', [text(imageUrl), text(projectUrl), text(description)])
    const entries = Object.entries(extra)
    if (entries.length > 0) {
      const types = ['0x1::string::String', '0x1::string::String']
      const map = tx.moveCall({ target: '0x2::vec_map::empty', typeArguments: types })
      for (const [key, value] of entries) {
        tx.moveCall({
          target: '0x2::vec_map::insert',
          typeArguments: types,
          arguments: [map, text(key), text(value)],
        })
      }
      this.#call('node_metadata', 'set_extra_fields', [metadata, map])
    }
    return metadata
  }

  /** Gives the StakedWal. */
  stakeWithPool(stake: ObjectArgument, nodeId: ObjectId): TransactionResult {
    return this.#call('staking', 'stake_with_pool', [
      this.#staking(),
      this.tx.object(stake),
      this.tx.pure.id(nodeId),
    ])
  }

  votingEnd(): void {
    this.#call('staking', 'voting_end', [this.#staking(), this.tx.object.clock()])
  }

  initiateEpochChange(treasury: ObjectArgument): void {
    const { tx } = this
    this.#call('staking', 'initiate_epoch_change_v2', [
      this.#staking(),
      this.#system(true),
      tx.object(treasury),
      tx.object.clock(),
    ])
  }

  epochSyncDone(cap: ObjectArgument, epoch: number): void {
    const { tx } = this
    this.#call('staking', 'epoch_sync_done', [
      this.#staking(),
      tx.object(cap),
      tx.pure.u32(epoch),
      tx.object.clock(),
    ])
  }

  setNetworkAddress(cap: ObjectArgument, address: string): void {
    const { tx } = this
    this.#call('staking', 'set_network_address', [this.#staking(), tx.object(cap), tx.pure.string(address)])
  }

  setNetworkPublicKey(cap: ObjectArgument, networkPublicKey: Uint8Array): void {
    const { tx } = this
    const args = [this.#staking(), tx.object(cap), this.#bytes(networkPublicKey)]
    this.#call('staking', 'set_network_public_key', args)
  }

  setNextPublicKey(cap: ObjectArgument, blsPublicKey: Uint8Array, proofOfPossession: Uint8Array): void {
    this.#call('staking', 'set_next_public_key', [
      this.#staking(),
      this.tx.object(cap),
      this.#bytes(blsPublicKey),
      this.#bytes(proofOfPossession),
    ])
  }

  setName(cap: ObjectArgument, name: string): void {
    this.#call('staking', 'set_name', [this.#staking(), this.tx.object(cap), this.tx.pure.string(name)])
  }

  /** Of 10,000. */
  setNextCommission(cap: ObjectArgument, commissionRate: number): void {
    const { tx } = this
    const args = [this.#staking(), tx.object(cap), tx.pure.u16(commissionRate)]
    this.#call('staking', 'set_next_commission', args)
  }

  /** Gives the coin; who holds the node's StorageNodeCap is the commission's receiver until another is named. */
  collectCommission(cap: ObjectArgument, nodeId: ObjectId, originalPackageId: ObjectId): TransactionResult {
    const { tx } = this
    const holder = tx.moveCall({
      package: this.#target.packageId,
      module: 'auth',
      function: 'authenticate_with_object',
      typeArguments: [`${originalPackageId}::storage_node::StorageNodeCap`],
      arguments: [tx.object(cap)],
    })
    return this.#call('staking', 'collect_commission', [this.#staking(), tx.pure.id(nodeId), holder])
  }

  invalidateBlobId(proof: CertificateArguments): void {
    this.#call('system', 'invalidate_blob_id', [
      this.#system(false),
      this.#bytes(proof.signature),
      this.#bytes(proof.signersBitmap),
      this.#bytes(proof.message),
    ])
  }

  openChallenge(): void {
    this.#call('challenge', 'open', [this.#staking(), this.tx.object.random(), this.tx.object.clock()])
  }

  commitChallenge(cap: ObjectArgument, round: number, root: Uint8Array): void {
    const { tx } = this
    const args = [this.#staking(), tx.object(cap), tx.pure.u8(round), this.#bytes(root), tx.object.clock()]
    this.#call('challenge', 'commit', args)
  }

  drawChallenge(round: number): void {
    const { tx } = this
    const args = [this.#staking(), tx.pure.u8(round), tx.object.random(), tx.object.clock()]
    this.#call('challenge', 'draw', args)
  }

  passChallenge(proof: CertificateArguments): void {
    this.#call('challenge', 'pass', [
      this.#staking(),
      this.#system(false),
      this.#bytes(proof.signature),
      this.#bytes(proof.signersBitmap),
      this.#bytes(proof.message),
      this.tx.object.clock(),
    ])
  }

  setNodeMetadata(cap: ObjectArgument, metadata: NodeMetadata): void {
    this.#call('staking', 'set_node_metadata', [
      this.#staking(),
      this.tx.object(cap),
      this.nodeMetadata(metadata),
    ])
  }

  /** As the sender, who governs the node. */
  voteForParameter(nodeId: ObjectId, name: string, value: number): void {
    const { tx } = this
    const sender = this.#call('auth', 'authenticate_sender', [])
    const args = [this.#staking(), sender, tx.pure.id(nodeId), tx.pure.string(name), tx.pure.u64(value)]
    this.#call('governance', 'vote_for_parameter', args)
  }

  /** Of a network in epoch 0, by the emergency capability of its founder. */
  setFirstParameter(cap: ObjectArgument, name: string, value: number): void {
    const { tx } = this
    const args = [this.#staking(), tx.object(cap), tx.pure.string(name), tx.pure.u64(value)]
    this.#call('governance', 'set_first_parameter', args)
  }

  /** `what` is one of the three votes; a price in FROST or a capacity in bytes. */
  vote(what: 'storage_price' | 'write_price' | 'node_capacity', cap: ObjectArgument, value: bigint): void {
    const { tx } = this
    this.#call('staking', `set_${what}_vote`, [this.#staking(), tx.object(cap), tx.pure.u64(value)])
  }

  updatePrices(): void {
    this.#call('staking', 'update_prices', [this.#staking(), this.#system(true)])
  }

  requestWithdrawStake(stake: ObjectArgument): void {
    this.#call('staking', 'request_withdraw_stake', [this.#staking(), this.tx.object(stake)])
  }

  /** Gives the coin. */
  withdrawStake(stake: ObjectArgument): TransactionResult {
    return this.#call('staking', 'withdraw_stake', [this.#staking(), this.tx.object(stake)])
  }

  setAttribute(blob: ObjectArgument, key: string, value: string): void {
    const { tx } = this
    this.#call('blob', 'insert_or_update_metadata_pair', [
      tx.object(blob),
      tx.pure.string(key),
      tx.pure.string(value),
    ])
  }

  removeAttribute(blob: ObjectArgument, key: string): void {
    this.#call('blob', 'remove_metadata_pair_if_exists', [this.tx.object(blob), this.tx.pure.string(key)])
  }

  burnBlob(blob: ObjectArgument): void {
    this.#call('blob', 'burn', [this.tx.object(blob)])
  }

  shareBlob(blob: ObjectArgument, funds?: ObjectArgument): void {
    const { tx } = this
    if (funds === undefined) this.#call('shared_blob', 'new', [tx.object(blob)])
    else this.#call('shared_blob', 'new_funded', [tx.object(blob), tx.object(funds)])
  }

  fundSharedBlob(sharedBlob: ObjectArgument, funds: ObjectArgument): void {
    this.#call('shared_blob', 'fund', [this.tx.object(sharedBlob), this.tx.object(funds)])
  }

  extendSharedBlob(sharedBlob: ObjectArgument, extendedEpochs: number): void {
    const { tx } = this
    this.#call('shared_blob', 'extend', [
      tx.object(sharedBlob),
      this.#system(true),
      tx.pure.u32(extendedEpochs),
    ])
  }

  #call(module: string, name: string, args: TransactionObjectArgument[]): TransactionResult {
    return this.tx.moveCall({ package: this.#target.packageId, module, function: name, arguments: args })
  }

  #system(mutable: boolean): TransactionObjectArgument {
    return this.tx.sharedObjectRef({ ...this.#target.system, mutable })
  }

  #staking(): TransactionObjectArgument {
    return this.tx.sharedObjectRef({ ...this.#target.staking, mutable: true })
  }

  #bytes(value: Uint8Array): TransactionObjectArgument {
    return this.tx.pure(bcs.byteVector().serialize(value)) as TransactionObjectArgument
  }
}
