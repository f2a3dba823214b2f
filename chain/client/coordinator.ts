import { type Clock, systemClock } from '../../base/clock.ts'
import type { ObjectId } from '../../codec/types.ts'
import { ChainError } from '../errors.ts'
import type {
  BlobManager,
  BlobObject,
  BlobReference,
  CallOptions,
  Cashier,
  ChainEvent,
  ChainWriter,
  Challenger,
  ChallengeStanding,
  Committees,
  ContractPackages,
  EpochTiming,
  EventCursor,
  FollowOptions,
  FullCoordinator,
  NetworkConfig,
  NetworkParameters,
  NodeOperator,
  NodeRecord,
  OwnedPage,
  PaymentRecord,
  RegisteredKeys,
  SharedBlob,
  Stake,
  Staker,
  StorageObject,
  SystemInfo,
  Wallet,
} from '../types/index.ts'
import { readBlob, readOwnedBlobs, readOwnedPage, readReference, readSharedBlob } from './blobs.ts'
import { WalletCashier } from './cashier.ts'
import { readRounds } from './challenge-rounds.ts'
import { WalletChallenger } from './challenger.ts'
import { CommitteeReader } from './committee.ts'
import { beginsAtMs, epochTiming, readChainTime } from './epochs.ts'
import { parseCursor } from './events.ts'
import { Executor } from './executor.ts'
import { followEvents } from './follower.ts'
import { CheckpointHistory } from './history.ts'
import { readAttributes, readAttributesOf, WalletManager } from './manager.ts'
import { readNodeKeys, readNodes } from './nodes.ts'
import { WalletOperator } from './operator.ts'
import { readParameters } from './parameters.ts'
import { readPayment } from './payments.ts'
import { RpcPool, rpcStatus } from './rpc.ts'
import type { SessionComponents } from './session.ts'
import { readStakes, WalletStaker } from './staker.ts'
import { StateReader, systemInfo } from './state.ts'
import { readOwnedStorages } from './storages.ts'
import { WalletWriter } from './writer.ts'

const LOCALNET_LAG_MS = 2_000

/** What the coordinator tells; pino satisfies it. */
export interface CoordinatorLog {
  /** What went wrong and is tried again. */
  warn(fields: object, message: string): void
}

/** What the coordinator is given besides its network. */
export interface CoordinatorOptions {
  log?: CoordinatorLog
  /** of its waits and caches; the machine's when absent */
  clock?: Clock
  /** 0 to 1, for pauses that differ from other programs'; Math.random when absent */
  random?: () => number
}

/** The coordinator of a network: reads, events, and writers of wallets. It opens nothing until it is asked. */
export function createCoordinator(network: NetworkConfig, options: CoordinatorOptions = {}): FullCoordinator {
  return new SuiCoordinator(network, options)
}

class SuiCoordinator implements FullCoordinator {
  readonly network: NetworkConfig
  readonly #log: CoordinatorLog | undefined
  readonly #closed = new AbortController()
  readonly #rpc: RpcPool
  readonly #state: StateReader
  readonly #committees: CommitteeReader
  readonly #session: SessionComponents

  constructor(
    network: NetworkConfig,
    { log, clock = systemClock, random = Math.random }: CoordinatorOptions,
  ) {
    this.network = network
    this.#log = log
    const closed = this.#closed.signal
    this.#rpc = new RpcPool({ urls: network.suiRpc, network: network.kind, closed, clock, random })
    this.#state = new StateReader(this.#rpc, network)
    this.#committees = new CommitteeReader(this.#rpc, this.#state)
    const executor = new Executor(this.#rpc, closed)
    this.#session = { network, state: this.#state, executor, rpc: this.#rpc }
  }

  async system(options: CallOptions & { recent?: boolean } = {}): Promise<SystemInfo> {
    if (options.recent === true) return systemInfo((await this.#state.recent(options)).state)
    return systemInfo(await this.#state.read(options))
  }

  async committees(options?: CallOptions & { fresh?: boolean }): Promise<Committees> {
    this.#closed.signal.throwIfAborted()
    return await this.#committees.read(options)
  }

  async epochTiming(options?: CallOptions): Promise<EpochTiming> {
    const [{ staking }, nowMs] = await Promise.all([this.#state.read(options), this.chainTime(options)])
    return epochTiming(staking, nowMs)
  }

  async chainTime(options?: CallOptions): Promise<number> {
    return await this.#rpc.read(client => readChainTime(client), options?.signal)
  }

  async blob(objectId: ObjectId, options?: CallOptions): Promise<BlobObject | undefined> {
    const packageId = await this.#state.originalPackageId(options)
    const found = await this.#rpc.read(client => readBlob(client, packageId, objectId), options?.signal)
    return found?.blob
  }

  async nodeKeys(nodeId: ObjectId, options?: CallOptions): Promise<RegisteredKeys | undefined> {
    return await this.#rpc.read(client => readNodeKeys(client, nodeId), options?.signal)
  }

  async ownedBlobs(owner: ObjectId, options?: CallOptions): Promise<BlobObject[]> {
    const packageId = await this.#state.originalPackageId(options)
    return await this.#rpc.read(client => readOwnedBlobs(client, packageId, owner), options?.signal)
  }

  async ownedStorages(owner: ObjectId, options?: CallOptions): Promise<StorageObject[]> {
    const packageId = await this.#state.originalPackageId(options)
    return await this.#rpc.read(client => readOwnedStorages(client, packageId, owner), options?.signal)
  }

  async balances(owner: ObjectId, options?: CallOptions): Promise<{ sui: bigint; wal: bigint }> {
    return await this.#rpc.read(async client => {
      const [sui, wal] = await Promise.all([
        client.core.getBalance({ owner }),
        client.core.getBalance({ owner, coinType: this.network.walType }),
      ])
      return { sui: BigInt(sui.balance.balance), wal: BigInt(wal.balance.balance) }
    }, options?.signal)
  }

  async isKept(cursor: EventCursor, options?: CallOptions): Promise<boolean> {
    const signal = AbortSignal.any([this.#closed.signal, ...(options?.signal ? [options.signal] : [])])
    let checkpoint: bigint
    try {
      checkpoint = parseCursor(cursor).checkpoint
    } catch {
      return false
    }
    const packageId = await this.#state.originalPackageId({ signal })
    const history = new CheckpointHistory(this.#rpc, packageId)
    return (await history.lowest(signal)) <= checkpoint && checkpoint <= (await history.height(signal))
  }

  async *follow({
    from,
    complete = false,
    signal,
    onCaughtUp,
    onProgress,
  }: FollowOptions): AsyncGenerator<ChainEvent, void> {
    const bound = AbortSignal.any([signal, this.#closed.signal])
    const originalPackageId = await this.#packageIdWhenReachable(bound)
    if (originalPackageId === undefined) return
    const events = followEvents({
      rpc: this.#rpc,
      originalPackageId,
      from,
      complete,
      signal: bound,
      onCaughtUp,
      onProgress,
      // it is one process with one disk
      lagMs: this.network.kind === 'localnet' ? LOCALNET_LAG_MS : undefined,
      onOutage: error =>
        this.#log?.warn({ err: error }, 'the event follower lost its RPC node and tries again'),
    })
    for await (const event of events) {
      if (event.type.startsWith('Epoch')) this.#committees.expire()
      yield event
    }
  }

  async stakes(owner: ObjectId, options?: CallOptions): Promise<Stake[]> {
    const packageId = await this.#state.originalPackageId(options)
    return await this.#rpc.read(client => readStakes(client, packageId, owner), options?.signal)
  }

  async sharedBlob(objectId: ObjectId, options?: CallOptions): Promise<SharedBlob | undefined> {
    const packageId = await this.#state.originalPackageId(options)
    return await this.#rpc.read(client => readSharedBlob(client, packageId, objectId), options?.signal)
  }

  async blobReference(objectId: ObjectId, options?: CallOptions): Promise<BlobReference | undefined> {
    const { state } = await this.#state.recent(options)
    return await this.#rpc.read(client => readReference(client, state, objectId), options?.signal)
  }

  async ownedPage(
    owner: ObjectId,
    { signal, limit, cursor }: CallOptions & { limit: number; cursor?: string | undefined },
  ): Promise<OwnedPage> {
    const packageId = await this.#state.originalPackageId({ signal })
    const [timing, { blobs, attributes, next }] = await Promise.all([
      this.epochTiming({ signal }),
      this.#rpc.read(async client => {
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
    const { packageId, originalPackageId, systemVersion } = await this.#state.read(options)
    return { packageId, originalPackageId, contractVersion: Number(systemVersion) }
  }

  async attributes(blob: ObjectId, options?: CallOptions): Promise<Record<string, string>> {
    return await this.#rpc.read(client => readAttributes(client, blob), options?.signal)
  }

  async payment(digest: string, options?: CallOptions): Promise<PaymentRecord | undefined> {
    try {
      return await this.#rpc.read(client => readPayment(client, digest), options?.signal)
    } catch (error) {
      if (rpcStatus(error) === 'NOT_FOUND') return undefined
      throw error
    }
  }

  async nodes(options?: CallOptions): Promise<NodeRecord[]> {
    const state = await this.#state.read(options)
    return await this.#rpc.read(client => readNodes(client, state), options?.signal)
  }

  async parameters(options?: CallOptions): Promise<NetworkParameters> {
    const state = await this.#state.read(options)
    const { stakingObjectId } = this.network
    return await this.#rpc.read(client => readParameters(client, stakingObjectId, state), options?.signal)
  }

  async challenges(options?: CallOptions): Promise<ChallengeStanding[]> {
    const state = await this.#state.read(options)
    const { stakingObjectId } = this.network
    return await this.#rpc.read(client => readRounds(client, stakingObjectId, state), options?.signal)
  }

  writer(wallet: Wallet): ChainWriter {
    return new WalletWriter(wallet, this.#session)
  }

  operator(wallet: Wallet): NodeOperator {
    return new WalletOperator(wallet, this.#session)
  }

  challenger(wallet: Wallet): Challenger {
    return new WalletChallenger(wallet, this.#session, this.operator(wallet))
  }

  staker(wallet: Wallet): Staker {
    return new WalletStaker(wallet, this.#session)
  }

  cashier(wallet: Wallet): Cashier {
    return new WalletCashier(wallet, this.#session)
  }

  manager(wallet: Wallet): BlobManager {
    return new WalletManager(wallet, this.#session)
  }

  /** Ends every call, stream and wait with CLOSED. */
  async close(): Promise<void> {
    this.#closed.abort(new ChainError('CLOSED', 'the coordinator is closed', {}))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** A follower is to survive an outage at its start as well; undefined once the signal is aborted. */
  async #packageIdWhenReachable(signal: AbortSignal): Promise<ObjectId | undefined> {
    while (!signal.aborted) {
      try {
        return await this.#state.originalPackageId({ signal })
      } catch (error) {
        if (signal.aborted) return undefined
        if (!(error instanceof ChainError) || error.code !== 'RPC_UNAVAILABLE') throw error
        this.#log?.warn({ err: error }, 'the event follower waits for an RPC node')
      }
    }
    return undefined
  }
}
