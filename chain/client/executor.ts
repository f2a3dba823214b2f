import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction, TransactionDataBuilder } from '@mysten/sui/transactions'
import { raceSignal } from 'race-signal'
import { createBackoff } from '../../base/backoff.ts'
import type { ObjectId } from '../../codec/types.ts'
import { formatSui } from '../amounts.ts'
import { ChainError, isChainError } from '../errors.ts'
import type { CallOptions, Wallet } from '../types/index.ts'
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

/**
 * A transaction that was built and simulated, and not signed. It holds its wallet's place in the line, as the next one would
 * take the same coins: submit it, or dispose of it.
 */
export interface PreparedTransaction extends Disposable {
  /**
   * Signs it and hands it in, once. What was handed in goes on whatever becomes of the signal that it was prepared with;
   * until then, and before it is built anew, the signal ends it. Settles when nothing is under way any more but what
   * `visible` tells of.
   */
  submit(): Promise<SubmittedTransaction>
}

/** A transaction that was executed. */
export interface SubmittedTransaction {
  outcome: Outcome
  /** Resolves when reads see what it did; its place in the line is kept until then. */
  visible: Promise<void>
}

/** Builds, signs and executes transactions; those of one wallet one after the other. */
export class Executor {
  readonly #rpc: RpcPool
  readonly #closed: AbortSignal
  readonly #queues = new Map<ObjectId, WalletQueue>()

  constructor(rpc: RpcPool, closed: AbortSignal) {
    this.#rpc = rpc
    this.#closed = closed
  }

  /**
   * One transaction, executed exactly once or not at all, and visible to reads when this resolves. It is simulated
   * first, so that an abort is told (MOVE_ABORT without a digest) before anything is sent or paid.
   *
   * The signal ends the caller's wait at once. What has been handed in by then goes on and keeps its place in the line.
   */
  async run(wallet: Wallet, build: BuildTransaction, { signal }: CallOptions = {}): Promise<Outcome> {
    using prepared = await this.prepare(wallet, build, { signal })
    const { outcome, visible } = await raceSignal(prepared.submit(), signal)
    await raceSignal(visible, signal)
    return outcome
  }

  /** The first part of `run`: all that can be done before it is known whether the transaction is wanted. */
  async prepare(
    wallet: Wallet,
    build: BuildTransaction,
    { signal }: CallOptions = {},
  ): Promise<PreparedTransaction> {
    const place = await this.#queue(wallet.address).take(signal)
    // programs that were refused in one instant must not return in one
    const backoff = createBackoff({
      firstMs: 2 * REBUILD_PAUSE_MS,
      maxMs: MAX_REBUILD_PAUSE_MS,
      jitter: 0.9,
      random: this.#rpc.random,
      timers: this.#rpc.clock,
    })
    let builds = 0
    let bytes: Uint8Array | undefined
    const ready = async (): Promise<Uint8Array> => {
      if (bytes === undefined) builds++
      bytes ??= await this.#build(wallet, build, signal)
      return bytes
    }
    /** Again and again while what it needs has changed since it was read. */
    const persist = async <T>(act: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await act()
        } catch (error) {
          bytes = undefined
          if (builds >= MAX_BUILDS) throw walletBusy(wallet.address, builds, error)
          if (builds >= maxBuildsAfter(error)) throw error
          await backoff.pause(this.#bound(signal))
        }
      }
    }
    const handIn = async (): Promise<SubmittedTransaction> => {
      const built = await ready()
      signal?.throwIfAborted()
      return await this.#handIn(wallet, built)
    }
    const submit = async (): Promise<SubmittedTransaction> => {
      try {
        const submitted = await persist(handIn)
        submitted.visible.catch(() => undefined).finally(() => place.release())
        return submitted
      } catch (error) {
        place.release()
        throw error
      }
    }
    try {
      await raceSignal(persist(ready), signal)
    } catch (error) {
      place.release()
      throw error
    }
    let submitting: Promise<SubmittedTransaction> | undefined
    return {
      submit() {
        submitting ??= submit()
        return submitting
      },
      [Symbol.dispose]() {
        if (submitting === undefined) place.release()
      },
    }
  }

  /**
   * Signs and executes bytes that are ready, out of line. `visible: false` does not wait until reads see it: for a caller
   * that takes object versions from the outcome.
   */
  async submit(
    wallet: Wallet,
    bytes: Uint8Array,
    { signal, visible = true }: CallOptions & { visible?: boolean } = {},
  ): Promise<Outcome> {
    const { digest, result } = await this.#signAndExecute(wallet, bytes, signal)
    if (visible) await this.#untilVisible(digest, signal)
    return toOutcome(result)
  }

  async #handIn(wallet: Wallet, bytes: Uint8Array): Promise<SubmittedTransaction> {
    const { digest, result } = await this.#signAndExecute(wallet, bytes)
    const visible = this.#untilVisible(digest)
    // one that failed has changed its gas coin all the same
    if (result.$kind === 'FailedTransaction') await visible
    return { outcome: toOutcome(result), visible }
  }

  async #signAndExecute(
    wallet: Wallet,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ digest: string; result: Executed }> {
    const digest = TransactionDataBuilder.getDigestFromBytes(bytes)
    const { signature } = await wallet.signer.signTransaction(bytes)
    return { digest, result: await this.#execute(bytes, signature, digest, signal) }
  }

  async #untilVisible(digest: string, signal?: AbortSignal): Promise<void> {
    await this.#rpc.read(
      (client, attempt) => client.core.waitForTransaction({ digest, signal: attempt }),
      signal,
    )
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
        await this.#rpc.clock.sleep(RESUBMIT_PAUSE_MS * attempt, this.#bound(signal))
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

function maxBuildsAfter(error: unknown): number {
  if (refusedFor(error, STALE)) return MAX_BUILDS
  return refusedFor(error, GONE) ? MAX_BUILDS_GONE : 1
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
