import type { ObjectId } from '../../codec/types.ts'
import type {
  BlobManager,
  BlobReference,
  CallOptions,
  Cashier,
  Challenger,
  ChallengeStanding,
  ContractPackages,
  FullCoordinator,
  NetworkConfig,
  NetworkParameters,
  NodeOperator,
  NodeRecord,
  OwnedPage,
  PaymentRecord,
  SharedBlob,
  Stake,
  Staker,
  StorageObject,
  Wallet,
} from '../types/index.ts'
import { readOwnedPage, readReference, readSharedBlob } from './blobs.ts'
import { WalletCashier } from './cashier.ts'
import { readRounds } from './challenge-rounds.ts'
import { WalletChallenger } from './challenger.ts'
import { beginsAtMs } from './epochs.ts'
import { readAttributes, readAttributesOf, WalletManager } from './manager.ts'
import { readNodes } from './nodes.ts'
import { WalletOperator } from './operator.ts'
import { readParameters } from './parameters.ts'
import { readPayment } from './payments.ts'
import { rpcStatus } from './rpc.ts'
import { readStakes, WalletStaker } from './staker.ts'
import { readOwnedStorages } from './storages.ts'
import { type CoordinatorOptions, UserCoordinator } from './user-coordinator.ts'

/** The coordinator of a network: reads, events, and writers of wallets. It opens nothing until it is asked. */
export function createCoordinator(network: NetworkConfig, options: CoordinatorOptions = {}): FullCoordinator {
  return new SuiCoordinator(network, options)
}

class SuiCoordinator extends UserCoordinator implements FullCoordinator {
  async ownedStorages(owner: ObjectId, options?: CallOptions): Promise<StorageObject[]> {
    const packageId = await this.state.originalPackageId(options)
    return await this.rpc.read(client => readOwnedStorages(client, packageId, owner), options?.signal)
  }

  async stakes(owner: ObjectId, options?: CallOptions): Promise<Stake[]> {
    const packageId = await this.state.originalPackageId(options)
    return await this.rpc.read(client => readStakes(client, packageId, owner), options?.signal)
  }

  async sharedBlob(objectId: ObjectId, options?: CallOptions): Promise<SharedBlob | undefined> {
    const packageId = await this.state.originalPackageId(options)
    return await this.rpc.read(client => readSharedBlob(client, packageId, objectId), options?.signal)
  }

  async blobReference(objectId: ObjectId, options?: CallOptions): Promise<BlobReference | undefined> {
    const { state } = await this.state.recent(options)
    return await this.rpc.read(client => readReference(client, state, objectId), options?.signal)
  }

  async ownedPage(
    owner: ObjectId,
    { signal, limit, cursor }: CallOptions & { limit: number; cursor?: string | undefined },
  ): Promise<OwnedPage> {
    const packageId = await this.state.originalPackageId({ signal })
    const [timing, { blobs, attributes, next }] = await Promise.all([
      this.epochTiming({ signal }),
      this.rpc.read(async client => {
        const page = await readOwnedPage(client, packageId, owner, { cursor, limit })
        const ids = page.blobs.map(({ objectId }) => objectId)
        return { ...page, attributes: await readAttributesOf(client, ids) }
      }, signal),
    ])
    const { epoch } = timing
    const told = blobs.map((blob, i) => ({
      blob,
      attributes: attributes[i]!,
      endsAtMs: blob.storage.endEpoch > epoch ? beginsAtMs(timing, blob.storage.endEpoch) : undefined,
    }))
    return { blobs: told, epoch, next }
  }

  async packages(options?: CallOptions): Promise<ContractPackages> {
    const { packageId, originalPackageId, systemVersion } = await this.state.read(options)
    return { packageId, originalPackageId, contractVersion: Number(systemVersion) }
  }

  async attributes(blob: ObjectId, options?: CallOptions): Promise<Record<string, string>> {
    return await this.rpc.read(client => readAttributes(client, blob), options?.signal)
  }

  async payment(digest: string, options?: CallOptions): Promise<PaymentRecord | undefined> {
    try {
      return await this.rpc.read(client => readPayment(client, digest), options?.signal)
    } catch (error) {
      if (rpcStatus(error) === 'NOT_FOUND') return undefined
      throw error
    }
  }

  async nodes(options?: CallOptions): Promise<NodeRecord[]> {
    const state = await this.state.read(options)
    return await this.rpc.read(client => readNodes(client, state), options?.signal)
  }

  async parameters(options?: CallOptions): Promise<NetworkParameters> {
    const state = await this.state.read(options)
    const { stakingObjectId } = this.network
    return await this.rpc.read(client => readParameters(client, stakingObjectId, state), options?.signal)
  }

  async challenges(options?: CallOptions): Promise<ChallengeStanding[]> {
    const state = await this.state.read(options)
    const { stakingObjectId } = this.network
    return await this.rpc.read(client => readRounds(client, stakingObjectId, state), options?.signal)
  }

  operator(wallet: Wallet): NodeOperator {
    return new WalletOperator(wallet, this.session)
  }

  challenger(wallet: Wallet): Challenger {
    return new WalletChallenger(wallet, this.session, this.operator(wallet))
  }

  staker(wallet: Wallet): Staker {
    return new WalletStaker(wallet, this.session)
  }

  cashier(wallet: Wallet): Cashier {
    return new WalletCashier(wallet, this.session)
  }

  manager(wallet: Wallet): BlobManager {
    return new WalletManager(wallet, this.session)
  }
}
