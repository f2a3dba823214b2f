import { type Clock, systemClock } from '../../base/clock.ts'
import type { ObjectId } from '../../codec/types.ts'
import { ChainError } from '../errors.ts'
import type {
  BlobObject,
  CallOptions,
  ChainEvent,
  ChainWriter,
  Committees,
  Coordinator,
  EpochTiming,
  EventCursor,
  FollowOptions,
  NetworkConfig,
  RegisteredKeys,
  SystemInfo,
  Wallet,
} from '../types/index.ts'
import { readBlob, readOwnedBlobs } from './blobs.ts'
import { CommitteeReader } from './committee.ts'
import { epochTiming, readChainTime } from './epochs.ts'
import { parseCursor } from './events.ts'
import { Executor } from './executor.ts'
import { followEvents } from './follower.ts'
import { CheckpointHistory } from './history.ts'
import { readNodeKeys } from './nodes.ts'
import { RpcPool } from './rpc.ts'
import type { SessionComponents } from './session.ts'
import { StateReader, systemInfo } from './state.ts'
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

/** What stores and reads needs of the chain; a page brings no more than that. It opens nothing until it is asked. */
export function createUserCoordinator(network: NetworkConfig, options: CoordinatorOptions = {}): Coordinator {
  return new UserCoordinator(network, options)
}

export class UserCoordinator implements Coordinator {
  readonly network: NetworkConfig
  readonly #log: CoordinatorLog | undefined
  readonly #closed = new AbortController()
  protected readonly rpc: RpcPool
  protected readonly state: StateReader
  readonly #committees: CommitteeReader
  protected readonly session: SessionComponents

  constructor(
    network: NetworkConfig,
    { log, clock = systemClock, random = Math.random }: CoordinatorOptions,
  ) {
    this.network = network
    this.#log = log
    const closed = this.#closed.signal
    this.rpc = new RpcPool({ urls: network.suiRpc, network: network.kind, closed, clock, random })
    this.state = new StateReader(this.rpc, network)
    this.#committees = new CommitteeReader(this.rpc, this.state)
    const executor = new Executor(this.rpc, closed)
    this.session = { network, state: this.state, executor, rpc: this.rpc }
  }

  async system(options: CallOptions & { recent?: boolean } = {}): Promise<SystemInfo> {
    if (options.recent === true) return systemInfo((await this.state.recent(options)).state)
    return systemInfo(await this.state.read(options))
  }

  async committees(options?: CallOptions & { fresh?: boolean }): Promise<Committees> {
    this.#closed.signal.throwIfAborted()
    return await this.#committees.read(options)
  }

  async epochTiming(options?: CallOptions): Promise<EpochTiming> {
    const [{ staking }, nowMs] = await Promise.all([this.state.read(options), this.chainTime(options)])
    return epochTiming(staking, nowMs)
  }

  async chainTime(options?: CallOptions): Promise<number> {
    return await this.rpc.read(client => readChainTime(client), options?.signal)
  }

  async blob(objectId: ObjectId, options?: CallOptions): Promise<BlobObject | undefined> {
    const packageId = await this.state.originalPackageId(options)
    const found = await this.rpc.read(client => readBlob(client, packageId, objectId), options?.signal)
    return found?.blob
  }

  async nodeKeys(nodeId: ObjectId, options?: CallOptions): Promise<RegisteredKeys | undefined> {
    return await this.rpc.read(client => readNodeKeys(client, nodeId), options?.signal)
  }

  async ownedBlobs(owner: ObjectId, options?: CallOptions): Promise<BlobObject[]> {
    const packageId = await this.state.originalPackageId(options)
    return await this.rpc.read(client => readOwnedBlobs(client, packageId, owner), options?.signal)
  }

  async balances(owner: ObjectId, options?: CallOptions): Promise<{ sui: bigint; wal: bigint }> {
    return await this.rpc.read(async client => {
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
    const packageId = await this.state.originalPackageId({ signal })
    const history = new CheckpointHistory(this.rpc, packageId)
    return (await history.lowest(signal)) <= checkpoint && checkpoint <= (await history.height(signal))
  }

  async *follow({
    from,
    complete = false,
    signal,
    onCaughtUp,
    onProgress,
    look,
  }: FollowOptions): AsyncGenerator<ChainEvent, void> {
    const bound = AbortSignal.any([signal, this.#closed.signal])
    const originalPackageId = await this.#packageIdWhenReachable(bound)
    if (originalPackageId === undefined) return
    const events = followEvents({
      rpc: this.rpc,
      originalPackageId,
      from,
      complete,
      signal: bound,
      onCaughtUp,
      onProgress,
      look,
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

  writer(wallet: Wallet): ChainWriter {
    return new WalletWriter(wallet, this.session)
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
        return await this.state.originalPackageId({ signal })
      } catch (error) {
        if (signal.aborted) return undefined
        if (!(error instanceof ChainError) || error.code !== 'RPC_UNAVAILABLE') throw error
        this.#log?.warn({ err: error }, 'the event follower waits for an RPC node')
      }
    }
    return undefined
  }
}
