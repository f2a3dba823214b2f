import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { parseObjectId, proofOfPossessionMessage, signersBitmap } from '../../codec/index.ts'
import type { Certificate, Epoch, ObjectId } from '../../codec/types.ts'
import { decodeMove } from '../bindings/move.ts'
import { StorageNodeCap } from '../bindings/staking.ts'
import { ChainError, isChainError } from '../errors.ts'
import { PARAMETERS, type ParameterKey } from '../parameters.ts'
import type {
  CallOptions,
  Candidate,
  EndingOptions,
  NodeCapability,
  NodeOperator,
  SigningKey,
  Wallet,
} from '../types/index.ts'
import type { Calls } from './calls.ts'
import { needCapability } from './capability.ts'
import { type EpochCall, epochRefusal } from './epochs.ts'
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
      const cap = calls.registerCandidate({
        ...candidate,
        metadata: metadataWith(candidate.multiaddrs),
        proofOfPossession: this.#proofOf(candidate, now),
      })
      calls.tx.transferObjects([cap], this.wallet.address)
    }, options)
    return await needCapability(this, this.wallet, options)
  }

  async votingEnd(options?: EndingOptions): Promise<{ digest: string }> {
    return await this.#change('votingEnd', calls => calls.votingEnd(), options)
  }

  async initiateEpochChange(options?: EndingOptions): Promise<{ digest: string }> {
    const { treasuryObjectId } = this.#session.on.network
    if (treasuryObjectId === undefined) {
      const details = { what: 'treasuryObjectId', value: 'none' }
      throw new ChainError('INVALID_ARGUMENT', 'the network file does not name the WAL treasury', details)
    }
    const add = (calls: Calls) => calls.initiateEpochChange(treasuryObjectId)
    return await this.#change('initiateEpochChange', add, options)
  }

  async epochSyncDone(epoch: Epoch, options?: CallOptions): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    const add = (calls: Calls) => calls.epochSyncDone(objectId, epoch)
    return await this.#change('epochSyncDone', add, { ...options, epoch })
  }

  async vote(votes: Votes, options?: CallOptions): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    const { storagePriceFrost, writePriceFrost, nodeCapacityBytes } = votes
    return await this.#send(calls => {
      if (storagePriceFrost !== undefined) calls.vote('storage_price', objectId, storagePriceFrost)
      if (writePriceFrost !== undefined) calls.vote('write_price', objectId, writePriceFrost)
      if (nodeCapacityBytes !== undefined) calls.vote('node_capacity', objectId, nodeCapacityBytes)
      if (storagePriceFrost !== undefined || writePriceFrost !== undefined) calls.updatePrices()
    }, options)
  }

  async voteForParameter(
    key: ParameterKey,
    value: number,
    options?: CallOptions,
  ): Promise<{ digest: string }> {
    const { name, least, most } = PARAMETERS[key]
    if (!Number.isInteger(value) || value < least || value > most) {
      const message = `${name} is a whole number from ${least} to ${most}`
      throw new ChainError('INVALID_ARGUMENT', message, { what: name, value: String(value) })
    }
    const { nodeId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    return await this.#send(calls => calls.voteForParameter(nodeId, name, value), options)
  }

  async setNetworkAddress(address: string, options?: CallOptions): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    return await this.#send(calls => calls.setNetworkAddress(objectId, address), options)
  }

  async setMultiaddrs(multiaddrs: string[], options?: CallOptions): Promise<{ digest: string }> {
    const { objectId, nodeId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    const { rpc } = this.#session.on
    return await this.#send(async (calls, now) => {
      const [kept] = await rpc.read(async client =>
        readMetadata(client, now.originalPackageId, await readPools(client, [nodeId])),
      )
      calls.setNodeMetadata(objectId, metadataWith(multiaddrs, kept))
    }, options)
  }

  async setNextPublicKey(key: SigningKey, options?: CallOptions): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    return await this.#send((calls, now) => {
      calls.setNextPublicKey(objectId, key.blsPublicKey, this.#proofOf(key, now))
    }, options)
  }

  async setNetworkPublicKey(
    networkPublicKey: Uint8Array,
    options?: CallOptions,
  ): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    return await this.#send(calls => calls.setNetworkPublicKey(objectId, networkPublicKey), options)
  }

  async setName(name: string, options?: CallOptions): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    return await this.#send(calls => calls.setName(objectId, name), options)
  }

  async setNextCommission(commissionRate: number, options?: CallOptions): Promise<{ digest: string }> {
    const { objectId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    return await this.#send(calls => calls.setNextCommission(objectId, commissionRate), options)
  }

  async collectCommission(options?: CallOptions): Promise<{ digest: string }> {
    const { objectId, nodeId } = this.#capability ?? (await needCapability(this, this.wallet, options))
    return await this.#send((calls, now) => {
      const coin = calls.collectCommission(objectId, nodeId, now.originalPackageId)
      calls.tx.transferObjects([coin], this.wallet.address)
    }, options)
  }

  async invalidateBlobId(certificate: Certificate, options?: CallOptions): Promise<{ digest: string }> {
    const { signature, message, signers } = certificate
    return await this.#send((calls, now) => {
      const bitmap = signersBitmap(signers, now.system.committee.members.length)
      calls.invalidateBlobId({ signature, message, signersBitmap: bitmap })
    }, options)
  }

  #proofOf(key: SigningKey, { staking }: ChainState): Uint8Array {
    const epoch = staking.epoch as Epoch
    const { address } = this.wallet
    return key.sign(proofOfPossessionMessage({ epoch, address, publicKey: key.blsPublicKey }))
  }

  /** A call of the epoch's change: when the contract refuses it, the error says what the refusal means. */
  async #change(
    call: EpochCall,
    add: (calls: Calls) => void,
    options: EndingOptions | undefined,
  ): Promise<{ digest: string }> {
    let epoch = options?.epoch
    try {
      return await this.#send((calls, now) => {
        epoch ??= now.staking.epoch as Epoch
        add(calls)
      }, options)
    } catch (error) {
      if (!isChainError(error, 'MOVE_ABORT') || epoch === undefined) throw error
      const { details, message } = error
      const { staking } = await this.#session.on.state.read(options)
      const refusal = epochRefusal(call, epoch, details.name, staking)
      if (refusal === undefined) throw error
      throw new ChainError('MOVE_ABORT', message, { ...details, refusal }, { cause: error })
    }
  }

  async #send(
    add: (calls: Calls, now: ChainState) => void | Promise<void>,
    options: CallOptions | undefined,
  ): Promise<{ digest: string }> {
    const { digest } = await this.#session.call(add, options)
    return { digest }
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
