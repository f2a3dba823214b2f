import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { parseObjectId, proofOfPossessionMessage } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { decodeMove } from '../bindings/move.ts'
import { StorageNodeCap } from '../bindings/staking.ts'
import { ChainError } from '../errors.ts'
import type { CallOptions, Candidate, NodeCapability, NodeOperator, Wallet } from '../types.ts'
import type { Calls } from './calls.ts'
import { metadataWith, readMetadata, readPools } from './nodes.ts'
import { listOwned } from './objects.ts'
import { type SessionComponents, WalletSession } from './session.ts'
import type { ChainState } from './state.ts'

type Votes = Parameters<NodeOperator['vote']>[0]

/** The chain's side of a storage node; its wallet holds the StorageNodeCap. */
export class WalletOperator implements NodeOperator {
  readonly #session: WalletSession
  #capability: NodeCapability | undefined

  constructor(wallet: Wallet, components: SessionComponents) {
    this.#session = new WalletSession(wallet, components)
  }

  get wallet(): Wallet {
    return this.#session.wallet
  }

  async capability(options?: CallOptions): Promise<NodeCapability | undefined> {
    const { rpc, state } = this.#session.on
    const packageId = await state.originalPackageId(options)
    this.#capability = await rpc.read(
      client => readCapability(client, packageId, this.wallet.address),
      options?.signal,
    )
    return this.#capability
  }

  async register(candidate: Candidate, options?: CallOptions): Promise<NodeCapability> {
    await this.#session.call((calls, now) => {
      const message = proofOfPossessionMessage({
        epoch: now.staking.epoch as Epoch,
        address: this.wallet.address,
        publicKey: candidate.blsPublicKey,
      })
      const cap = calls.registerCandidate({
        ...candidate,
        metadata: metadataWith(candidate.multiaddrs),
        proofOfPossession: candidate.sign(message),
      })
      calls.tx.transferObjects([cap], this.wallet.address)
    }, options)
    return await this.#needCapability(options)
  }

  async votingEnd(options?: CallOptions): Promise<{ digest: string }> {
    return await this.#send(calls => calls.votingEnd(), options)
  }

  async initiateEpochChange(options?: CallOptions): Promise<{ digest: string }> {
    const { treasuryObjectId } = this.#session.on.network
    if (treasuryObjectId === undefined) {
      const details = { what: 'treasuryObjectId', value: 'none' }
      throw new ChainError('INVALID_ARGUMENT', 'the network file does not name the WAL treasury', details)
    }
    return await this.#send(calls => calls.initiateEpochChange(treasuryObjectId), options)
  }

  async epochSyncDone(epoch: Epoch, options?: CallOptions): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await this.#needCapability(options))
    return await this.#send(calls => calls.epochSyncDone(objectId, epoch), options)
  }

  async vote(votes: Votes, options?: CallOptions): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await this.#needCapability(options))
    const { storagePriceFrost, writePriceFrost, nodeCapacityBytes } = votes
    return await this.#send(calls => {
      if (storagePriceFrost !== undefined) calls.vote('storage_price', objectId, storagePriceFrost)
      if (writePriceFrost !== undefined) calls.vote('write_price', objectId, writePriceFrost)
      if (nodeCapacityBytes !== undefined) calls.vote('node_capacity', objectId, nodeCapacityBytes)
      if (storagePriceFrost !== undefined || writePriceFrost !== undefined) calls.updatePrices()
    }, options)
  }

  async setNetworkAddress(address: string, options?: CallOptions): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await this.#needCapability(options))
    return await this.#send(calls => calls.setNetworkAddress(objectId, address), options)
  }

  async setMultiaddrs(multiaddrs: string[], options?: CallOptions): Promise<{ digest: string }> {
    const { objectId, nodeId } = this.#capability ?? (await this.#needCapability(options))
    const { rpc } = this.#session.on
    return await this.#send(async (calls, now) => {
      const [kept] = await rpc.read(async client =>
        readMetadata(client, now.originalPackageId, await readPools(client, [nodeId])),
      )
      calls.setNodeMetadata(objectId, metadataWith(multiaddrs, kept))
    }, options)
  }

  async #send(
    add: (calls: Calls, now: ChainState) => void | Promise<void>,
    options: CallOptions | undefined,
  ): Promise<{ digest: string }> {
    const { digest } = await this.#session.call(add, options)
    return { digest }
  }

  async #needCapability(options: CallOptions | undefined): Promise<NodeCapability> {
    const capability = await this.capability(options)
    if (capability) return capability
    const { address } = this.wallet
    throw new ChainError('NOT_FOUND', `${address} has no StorageNodeCap`, { objectId: address })
  }
}

async function readCapability(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  owner: ObjectId,
): Promise<NodeCapability | undefined> {
  const [object] = await listOwned(client, owner, `${originalPackageId}::storage_node::StorageNodeCap`)
  if (!object) return undefined
  const cap = decodeMove(StorageNodeCap, object.content)
  return {
    objectId: parseObjectId(cap.id),
    nodeId: parseObjectId(cap.node_id),
    lastEpochSyncDone: cap.last_epoch_sync_done as Epoch,
  }
}
