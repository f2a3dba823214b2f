import type { SuiGrpcClient } from '@mysten/sui/grpc'
import type { TransactionObjectArgument } from '@mysten/sui/transactions'
import { raceSignal } from 'race-signal'
import { parseObjectId } from '../../codec/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { ChainError, isChainError } from '../errors.ts'
import type { BlobObject, CallOptions, NetworkConfig, Wallet } from '../types/index.ts'
import { readBlob, readSharedBlob } from './blobs.ts'
import { Calls, type CallTarget } from './calls.ts'
import { listCoins, selectWal, splitWal } from './coins.ts'
import type { BuildTransaction, Executor, PreparedTransaction } from './executor.ts'
import type { Outcome } from './outcome.ts'
import type { RpcPool } from './rpc.ts'
import type { ChainState, StateReader } from './state.ts'

/** A node is given 5 s to show what another one has executed. */
const MAX_READS = 50
const READ_PAUSE_MS = 100

export interface SessionComponents {
  network: NetworkConfig
  state: StateReader
  executor: Executor
  rpc: RpcPool
}

export interface SendOptions extends CallOptions {
  /** Content with package and prices of the last 2 s: it is tried with new ones when its simulation fails on them. */
  recent?: boolean
}

/** One wallet's transactions. Package and prices are read anew for each, as upgrades and votes change them. */
export class WalletSession {
  readonly wallet: Wallet
  readonly on: SessionComponents

  constructor(wallet: Wallet, components: SessionComponents) {
    this.wallet = wallet
    this.on = components
  }

  /** A transaction of the package's calls, visible when this resolves. */
  async call(add: AddCalls, options: SendOptions = {}): Promise<Outcome> {
    using prepared = await this.prepareCall(add, options)
    return await seen(prepared, options.signal)
  }

  /** The same as far as it is possible before it is signed. */
  async prepareCall(add: AddCalls, options: SendOptions = {}): Promise<PreparedTransaction> {
    const { network } = this.on
    return await this.#prepare(options, read => async tx => {
      const now = await read()
      await add(new Calls(tx, callTarget(network, now)), now)
    })
  }

  /** A transaction that pays, visible when this resolves. Throws NOT_ENOUGH_WAL before anything is sent. */
  async pay(
    price: (now: ChainState) => bigint,
    add: (calls: Calls, payment: Payment) => void,
    options: SendOptions = {},
  ): Promise<{ outcome: Outcome; costFrost: bigint }> {
    using prepared = await this.preparePayment(price, add, options)
    const outcome = await seen(prepared, options.signal)
    return { outcome, costFrost: prepared.costFrost }
  }

  /**
   * The same as far as it is possible before it is signed, for what `look` sees when it is built. A coin of exactly `price` is split off for `add`, which puts it
   * back (`calls.tx.mergeCoins`) or gives it away.
   */
  async preparePayment<T = undefined>(
    price: (now: ChainState, seen: T) => bigint,
    add: (calls: Calls, payment: Payment, seen: T) => void,
    { look, ...options }: SendOptions & { look?: (client: SuiGrpcClient) => Promise<T> } = {},
  ): Promise<PreparedPayment> {
    const { network } = this.on
    const { address } = this.wallet
    let costFrost = 0n
    const prepared = await this.#prepare(options, read => async (tx, client) => {
      const [now, coins, seen] = await Promise.all([
        read(),
        listCoins(client, address, network.walType),
        look?.(client) as Promise<T>,
      ])
      costFrost = price(now, seen)
      add(
        new Calls(tx, callTarget(network, now)),
        splitWal(tx, selectWal(coins, costFrost, address), costFrost),
        seen,
      )
    })
    return {
      get costFrost() {
        return costFrost
      },
      ...prepared,
    }
  }

  /** One that fails on a state of before is built again on a new one; one that is built again later is so too. */
  async #prepare(
    { signal, recent = false }: SendOptions,
    building: (read: () => Promise<ChainState>) => BuildTransaction,
  ): Promise<PreparedTransaction> {
    const { state, executor } = this.on
    const fresh = building(() => state.read())
    if (!recent) return await executor.prepare(this.wallet, fresh, { signal })
    let outdated = false
    let builds = 0
    const quick = building(async () => {
      if (++builds > 1) return await state.read()
      const known = await state.recent()
      outdated = !known.fresh
      return known.state
    })
    try {
      return await executor.prepare(this.wallet, quick, { signal })
    } catch (error) {
      if (!outdated || !isUnsentRefusal(error)) throw error
      state.expire()
      return await executor.prepare(this.wallet, fresh, { signal })
    }
  }

  /** A Blob object as `written` left it: after a fail-over the node asked may be one that lags behind. */
  async blob(
    objectId: ObjectId,
    written: Outcome | undefined,
    options: CallOptions | undefined,
  ): Promise<BlobObject> {
    const { rpc, state } = this.on
    const packageId = await state.originalPackageId(options)
    // a transaction that had nothing left to do with it did not write it
    const change = written?.changed.find(changed => parseObjectId(changed.objectId) === objectId)
    const version = change && BigInt(written?.version ?? 0)
    for (let attempt = 1; ; attempt++) {
      const found = await rpc.read(client => readBlob(client, packageId, objectId), options?.signal)
      if (found && (version === undefined || found.version >= version)) return found.blob
      if (version === undefined || attempt === MAX_READS) {
        throw new ChainError('NOT_FOUND', `there is no Blob object ${objectId}`, { objectId })
      }
      await rpc.clock.sleep(READ_PAUSE_MS, options?.signal)
    }
  }

  /** The blob inside a shared blob that was made just now. */
  async sharedBlob(objectId: ObjectId, options: CallOptions | undefined): Promise<BlobObject> {
    const { rpc, state } = this.on
    const packageId = await state.originalPackageId(options)
    for (let attempt = 1; ; attempt++) {
      const found = await rpc.read(client => readSharedBlob(client, packageId, objectId), options?.signal)
      if (found !== undefined) return found.blob
      if (attempt === MAX_READS)
        throw new ChainError('NOT_FOUND', `there is no shared blob ${objectId}`, { objectId })
      await rpc.clock.sleep(READ_PAUSE_MS, options?.signal)
    }
  }
}

export type AddCalls = (calls: Calls, now: ChainState) => void | Promise<void>

/** Its cost is what its last build took: final once it was executed. */
export interface PreparedPayment extends PreparedTransaction {
  readonly costFrost: bigint
}

async function seen(prepared: PreparedTransaction, signal: AbortSignal | undefined): Promise<Outcome> {
  const { outcome, visible } = await raceSignal(prepared.submit(), signal)
  await raceSignal(visible, signal)
  return outcome
}

/** Whether it may be due to package or prices of before, and nothing was sent. */
function isUnsentRefusal(error: unknown): boolean {
  if (isChainError(error, 'MOVE_ABORT') || isChainError(error, 'TRANSACTION_FAILED'))
    return error.details.digest === undefined
  return isChainError(error, 'NOT_ENOUGH_WAL') || isChainError(error, 'INVALID_ARGUMENT')
}

/** A coin of exactly the price, and the coin that it came from. */
export interface Payment {
  coin: TransactionObjectArgument
  source: TransactionObjectArgument
}

/** Where the package's calls of this moment go. */
export function callTarget(network: NetworkConfig, state: ChainState): CallTarget {
  return {
    packageId: state.packageId,
    system: { objectId: network.systemObjectId, initialSharedVersion: state.systemInitialSharedVersion },
    staking: { objectId: network.stakingObjectId, initialSharedVersion: state.stakingInitialSharedVersion },
  }
}
