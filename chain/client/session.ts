import type { TransactionObjectArgument } from '@mysten/sui/transactions'
import { sleep } from '../../base/wait.ts'
import type { ObjectId } from '../../codec/types.ts'
import { ChainError, isChainError } from '../errors.ts'
import type { BlobObject, CallOptions, NetworkConfig, Wallet } from '../types.ts'
import { readBlob } from './blobs.ts'
import { Calls, type CallTarget } from './calls.ts'
import { listCoins, selectWal, splitWal } from './coins.ts'
import type { Executor, RunOptions } from './executor.ts'
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

export interface SendOptions extends RunOptions {
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

  /** A transaction of the package's calls. */
  async call(
    add: (calls: Calls, now: ChainState) => void | Promise<void>,
    options: SendOptions = {},
  ): Promise<Outcome> {
    const { network, executor } = this.on
    return await this.#withState(options, read =>
      executor.run(
        this.wallet,
        async tx => {
          const now = await read()
          await add(new Calls(tx, callTarget(network, now)), now)
        },
        options,
      ),
    )
  }

  /**
   * A transaction that pays. A coin of exactly `price` is split off for `add`, which puts it back (`calls.tx.mergeCoins`)
   * or gives it away. Throws NOT_ENOUGH_WAL before anything is sent.
   */
  async pay(
    price: (now: ChainState) => bigint,
    add: (calls: Calls, payment: Payment) => void,
    options: SendOptions = {},
  ): Promise<{ outcome: Outcome; costFrost: bigint }> {
    const { network, executor } = this.on
    const { address } = this.wallet
    let costFrost = 0n
    const outcome = await this.#withState(options, read =>
      executor.run(
        this.wallet,
        async (tx, client) => {
          const [now, coins] = await Promise.all([read(), listCoins(client, address, network.walType)])
          costFrost = price(now)
          add(
            new Calls(tx, callTarget(network, now)),
            splitWal(tx, selectWal(coins, costFrost, address), costFrost),
          )
        },
        options,
      ),
    )
    return { outcome, costFrost }
  }

  /** Nothing was sent when a state of before turned out to be outdated, so that trying again is safe. */
  async #withState<T>(
    { recent = false }: SendOptions,
    run: (read: () => Promise<ChainState>) => Promise<T>,
  ): Promise<T> {
    const { state } = this.on
    if (!recent) return await run(() => state.read())
    let outdated = false
    try {
      return await run(async () => {
        const known = await state.recent()
        outdated = !known.fresh
        return known.state
      })
    } catch (error) {
      if (!outdated || !isUnsentRefusal(error)) throw error
      state.expire()
      return await run(() => state.read())
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
    for (let attempt = 1; ; attempt++) {
      const found = await rpc.read(client => readBlob(client, packageId, objectId), options?.signal)
      if (found && (!written || found.version >= BigInt(written.version))) return found.blob
      if (!written || attempt === MAX_READS) {
        throw new ChainError('NOT_FOUND', `there is no Blob object ${objectId}`, { objectId })
      }
      await sleep(READ_PAUSE_MS, options?.signal)
    }
  }
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
