import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction, TransactionDataBuilder } from '@mysten/sui/transactions'
import { raceSignal } from 'race-signal'
import { createBackoff } from '../../base/backoff.ts'
import { sleep } from '../../base/wait.ts'
import type { ObjectId } from '../../codec/types.ts'
import { ChainError, isChainError } from '../errors.ts'
import type { CallOptions, Wallet } from '../types.ts'
import { formatSui } from './coins.ts'
import { type Executed, OUTCOME_INCLUDE, type Outcome, simulationFailure, toOutcome } from './outcome.ts'
import { WalletQueue } from './queue.ts'
import { isTransient, type RpcPool, rpcStatus } from './rpc.ts'

/** Sui's smallest price of a transaction (1,000 units of 1,000 MIST): what is told to be missing when there is less. */
const MIN_GAS_MIST = 1_000_000n
/** How often a transaction is built after the node found one of its objects at another version: half a minute at most. */
const MAX_BUILDS = 20
/** The same when one of its objects is gone: a coin that another transaction merged, or something that never was. */
const MAX_BUILDS_GONE = 4
/** How often the same signed bytes are handed in while no node answers. */
const MAX_SUBMITS = 5
const RESUBMIT_PAUSE_MS = 200
const REBUILD_PAUSE_MS = 50
const MAX_REBUILD_PAUSE_MS = 2_000

/** Rejections that come from reading a node that lags behind, or from another program that uses the same wallet. */
const STALE = /version|stale|not available for consumption|already locked|locked by|equivocat|concurrent/i
const GONE = /could not find|not found|does not exist|deleted/i

/** Adds the commands. It runs anew for every build, so it must read what it needs through the client it is given. */
export type BuildTransaction = (tx: Transaction, client: SuiGrpcClient) => Promise<void> | void

export interface RunOptions extends CallOptions {
  /** Waited for once the transaction is ready, before it is signed; when it rejects, nothing is sent. */
  permission?: Promise<unknown> | undefined
  /** Told as soon as it was executed, before reads see it. */
  onExecuted?: (outcome: Outcome) => void
  /** Given what resolves when it is over, whether or not its caller still waits. */
  onBegun?: ((settled: Promise<void>) => void) | undefined
}

/** Builds, signs and executes transactions; those of one wallet one after the other. */
export class Executor {
  readonly #rpc: RpcPool
  readonly #closed: AbortSignal
  readonly #maxRebuildPauseMs: number
  readonly #queues = new Map<ObjectId, WalletQueue>()

  constructor(
    rpc: RpcPool,
    closed: AbortSignal,
    { maxRebuildPauseMs = MAX_REBUILD_PAUSE_MS }: { maxRebuildPauseMs?: number } = {},
  ) {
    this.#rpc = rpc
    this.#closed = closed
    this.#maxRebuildPauseMs = maxRebuildPauseMs
  }

  /**
   * One transaction, executed exactly once or not at all, and visible to reads when this resolves. It is simulated
   * first, so that an abort is told (MOVE_ABORT without a digest) before anything is sent or paid.
   *
   * The signal ends the caller's wait at once. What has been handed in by then goes on and keeps its place in the line:
   * the next transaction would take the same coins.
   */
  async run(wallet: Wallet, build: BuildTransaction, options: RunOptions = {}): Promise<Outcome> {
    // it may reject long before it is waited for
    options.permission?.catch(() => undefined)
    const work = this.#queue(wallet.address).run(() => this.#run(wallet, build, options), options.signal)
    const settled = work.then(
      () => undefined,
      () => undefined,
    )
    options.onBegun?.(settled)
    return await raceSignal(work, options.signal)
  }

  async #run(
    wallet: Wallet,
    build: BuildTransaction,
    { signal, permission, onExecuted }: RunOptions,
  ): Promise<Outcome> {
    // programs that were refused in one instant must not return in one
    const backoff = createBackoff({
      firstMs: 2 * REBUILD_PAUSE_MS,
      maxMs: this.#maxRebuildPauseMs,
      jitter: 0.9,
    })
    for (let attempt = 1; ; attempt++) {
      try {
        const bytes = await this.#build(wallet, build, signal)
        if (permission) await raceSignal(permission, signal)
        signal?.throwIfAborted()
        return await this.submit(wallet, bytes, onExecuted ? { onExecuted } : {})
      } catch (error) {
        const maxBuilds = refusedFor(error, STALE)
          ? MAX_BUILDS
          : refusedFor(error, GONE)
            ? MAX_BUILDS_GONE
            : 1
        if (attempt >= maxBuilds)
          throw attempt >= MAX_BUILDS ? walletBusy(wallet.address, attempt, error) : error
        await backoff.pause(this.#bound(signal))
      }
    }
  }

  /**
   * Signs and executes bytes that are ready. `visible: false` does not wait until reads see it: for whoever takes object
   * versions from the outcome.
   */
  async submit(
    wallet: Wallet,
    bytes: Uint8Array,
    {
      signal,
      visible = true,
      onExecuted,
    }: CallOptions & { visible?: boolean } & Pick<RunOptions, 'onExecuted'> = {},
  ): Promise<Outcome> {
    const digest = TransactionDataBuilder.getDigestFromBytes(bytes)
    const { signature } = await wallet.signer.signTransaction(bytes)
    const result = await this.#execute(bytes, signature, digest, signal)
    if (result.$kind === 'Transaction') onExecuted?.(toOutcome(result))
    if (visible) {
      await this.#rpc.read(
        (client, attempt) => client.core.waitForTransaction({ digest, signal: attempt }),
        signal,
      )
    }
    return toOutcome(result)
  }

  async #build(
    wallet: Wallet,
    build: BuildTransaction,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    return await this.#rpc.read(async client => {
      const tx = new Transaction()
      tx.setSender(wallet.address)
      await build(tx, client)
      try {
        return await tx.build({ client })
      } catch (error) {
        const failure = simulationFailure(error)
        if (!isGasFailure(failure ?? error)) throw failure ?? error
        const { balance } = await client.core.getBalance({ owner: wallet.address })
        const availableMist = BigInt(balance.balance)
        const neededMist =
          availableMist < MIN_GAS_MIST ? MIN_GAS_MIST : (neededGas(error) ?? availableMist + 1n)
        throw notEnoughSui(wallet.address, neededMist, availableMist)
      }
    }, signal)
  }

  /**
   * The same signed bytes can be executed only once, so handing them in again is safe; but whether a first try got
   * through is asked first, as a node may answer a second one with an error.
   */
  async #execute(
    transaction: Uint8Array,
    signature: string,
    digest: string,
    signal: AbortSignal | undefined,
  ): Promise<Executed> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#rpc.once(
          client =>
            client.core.executeTransaction({
              transaction,
              signatures: [signature],
              include: OUTCOME_INCLUDE,
            }),
          signal,
        )
      } catch (error) {
        signal?.throwIfAborted()
        // of an execution, ABORTED says that the transaction lost a race for its objects
        const transient = isTransient(error) && rpcStatus(error) !== 'ABORTED'
        if (transient || attempt > 1) {
          const found = await this.#find(digest, signal)
          if (found) return found
        }
        if (!transient) throw toRejection(error)
        if (attempt === MAX_SUBMITS) throw error
        await sleep(RESUBMIT_PAUSE_MS * attempt, this.#bound(signal))
      }
    }
  }

  async #find(digest: string, signal: AbortSignal | undefined): Promise<Executed | undefined> {
    try {
      return await this.#rpc.read(
        client => client.core.getTransaction({ digest, include: OUTCOME_INCLUDE }),
        signal,
      )
    } catch (error) {
      if (rpcStatus(error) === 'NOT_FOUND') return undefined
      throw error
    }
  }

  #queue(owner: ObjectId): WalletQueue {
    let queue = this.#queues.get(owner)
    if (!queue) {
      queue = new WalletQueue(owner, this.#closed)
      this.#queues.set(owner, queue)
    }
    return queue
  }

  #bound(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closed]) : this.#closed
  }
}

/** Whether nothing was sent, or nothing accepted, for a reason that reads so. */
function refusedFor(error: unknown, why: RegExp): boolean {
  if (isChainError(error, 'TRANSACTION_REJECTED')) return why.test(error.details.reason)
  return isChainError(error, 'RPC_FAILED') && !isTransient(error) && why.test(error.message)
}

function walletBusy(owner: ObjectId, attempts: number, cause: unknown): ChainError {
  const message = `another program uses this wallet (${owner}): its coins had changed at each of ${attempts} attempts`
  return new ChainError('WALLET_BUSY', message, { owner, attempts }, { cause })
}

function isGasFailure(error: unknown): boolean {
  if (isChainError(error, 'TRANSACTION_FAILED'))
    return /InsufficientGas/i.test(`${error.details.kind} ${error.message}`)
  return (
    error instanceof Error &&
    !isChainError(error) &&
    /gas/i.test(error.message) &&
    /insufficient|no (valid )?gas|unable to (perform )?gas|not enough|balance/i.test(error.message)
  )
}

/** The budget that a node wanted, as Sui's message tells it. */
function neededGas(error: unknown): bigint | undefined {
  const [, budget] = (error instanceof Error && /required budget:? *(\d+)/i.exec(error.message)) || []
  return budget === undefined ? undefined : BigInt(budget)
}

function notEnoughSui(owner: ObjectId, neededMist: bigint, availableMist: bigint): ChainError {
  return new ChainError(
    'NOT_ENOUGH_SUI',
    `${formatSui(neededMist)} needed for gas, ${owner} has ${formatSui(availableMist)}`,
    { neededMist, availableMist, owner },
  )
}

function toRejection(error: unknown): unknown {
  if (!isChainError(error, 'RPC_FAILED')) return error
  const reason = error.message
  return new ChainError(
    'TRANSACTION_REJECTED',
    `the transaction was refused: ${reason}`,
    { reason },
    { cause: error },
  )
}
