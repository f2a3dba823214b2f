import type { bcs } from '@mysten/sui/bcs'
import type { Vm } from '../vm/index.ts'
import { type Address, parseAddress, SYSTEM } from './address.ts'
import type { ChainClock } from './chain-clock.ts'
import { type CheckpointRecord, makeCheckpoint } from './checkpoint.ts'
import type { Digest } from './digest.ts'
import { LedgerError } from './errors.ts'
import type { Outcome } from './execution/effects.ts'
import type { Execution } from './execution/execute.ts'
import { FaucetPurse } from './faucet-purse.ts'
import { FAUCET_ADDRESS } from './genesis.ts'
import { History } from './history.ts'
import { LATEST_MS, MAX_CLOCK_ADVANCE_MS, REFERENCE_GAS_PRICE } from './limits.ts'
import type { LedgerObject, MoveObject } from './object.ts'
import type { TransactionRecord } from './records.ts'
import { Runner } from './runner.ts'
import { checkSignatures } from './signatures.ts'
import { type Identity, LedgerState, type StoredState } from './state.ts'
import type { LiveObjects } from './store/live-objects.ts'
import { Pruner, type PrunerOptions } from './store/pruner.ts'
import type { BatchWriter } from './store/writer.ts'
import { SystemObjects } from './system-objects.ts'
import { type ParsedTransaction, parseTransaction, serializeTransaction } from './transaction.ts'
import type { Turns } from './turns.ts'
import { checkExpiration, checkGas, checkGasPrice, checkShape } from './validation.ts'

export interface Simulation extends Outcome {
  digest: Digest
  outputs: Execution['outputs']
  timestampMs: bigint
}

interface SimulateOptions extends Caller {
  checks: boolean
  withOutputs: boolean
  signal?: AbortSignal
}

/** The caller, by address: callers take turns. */
export interface Caller {
  caller?: string
}
const ANYONE = ''

/** A transaction that memory knows of already, and that is on its way to the disk. */
interface Performed {
  record: TransactionRecord
  checkpoint: CheckpointRecord
  written: Promise<void>
}

/**
 * The chain: live objects in memory, everything on disk. Transactions are executed one after the
 * other, each as a whole; a reply waits until its transaction is durable. Reads of objects may see a
 * transaction whose reply is still waiting for the disk.
 */
export class Ledger {
  readonly vm: Vm
  readonly objects: LiveObjects
  readonly identity: Identity
  readonly epoch = 0n
  /** random bytes, so many */
  readonly draw: (length: number) => Uint8Array
  readonly #writer: BatchWriter
  readonly #clock: ChainClock
  readonly #running = new Map<Digest, Promise<TransactionRecord>>()
  readonly #history: History
  readonly #pruner: Pruner
  readonly #faucetPurse: FaucetPurse
  readonly #turns: Turns
  readonly #state: LedgerState
  readonly #system: SystemObjects
  readonly #runner: Runner

  constructor(init: {
    vm: Vm
    objects: LiveObjects
    identity: Identity
    writer: BatchWriter
    clock: ChainClock
    turns: Turns
    draw: (length: number) => Uint8Array
    stored: StoredState
    tip: CheckpointRecord
    pruning?: PrunerOptions
  }) {
    this.vm = init.vm
    this.objects = init.objects
    this.#faucetPurse = new FaucetPurse(init.objects)
    this.identity = init.identity
    this.#writer = init.writer
    this.#pruner = new Pruner(init.writer, init.pruning)
    this.#clock = init.clock
    this.#turns = init.turns
    this.draw = init.draw
    this.#state = new LedgerState(init)
    const of = { ...init, epoch: this.epoch }
    this.#system = new SystemObjects({ ...of, state: this.#state })
    this.#runner = new Runner({ ...of, read: id => init.objects.get(id) })
    this.#history = new History(init.writer, init.tip, () => this.#pruner.lowest)
    this.#pruner.reached(this.height)
  }

  /** The newest checkpoint that is on disk. */
  get height(): bigint {
    return this.#history.height
  }

  get timestampMs(): bigint {
    return this.#clock.nowMs()
  }

  get faucetCoin(): { coinType: string; amount: bigint } | undefined {
    const { faucetCoin } = this.#state
    return faucetCoin && { coinType: faucetCoin.coinType, amount: BigInt(faucetCoin.amount) }
  }

  /** Coins of this type that the faucet's address owns are given away too. */
  async setFaucetCoin(coinType: string, amount: bigint): Promise<void> {
    const { text } = this.vm.types.fromTag(coinType)
    this.#state.set({ faucetCoin: { coinType: text, amount: amount.toString() } })
    await this.#state.save()
  }

  /** A coin of the faucet's address with at least `amount`; filled up, or made, when there is none. */
  faucetCoinOf(coinType: string, amount: bigint): MoveObject {
    const coin = this.#faucetPurse.coinOf(coinType, amount)
    if (this.objects.get(coin.id) !== coin) this.#state.put(coin)
    return coin
  }

  /** Moves the clock ahead, a year at most: what has passed cannot be undone. Answers the new time. */
  async advanceClock(ms: number): Promise<bigint> {
    if (!Number.isSafeInteger(ms) || ms < 0)
      throw new LedgerError('INVALID_ARGUMENT', 'the clock can only be advanced by whole milliseconds')
    if (ms > MAX_CLOCK_ADVANCE_MS)
      throw new LedgerError(
        'INVALID_ARGUMENT',
        `the clock can be advanced by at most a year (${MAX_CLOCK_ADVANCE_MS} ms) at a time, and never set back`,
      )
    if (Number(this.timestampMs) + ms > LATEST_MS)
      throw new LedgerError('INVALID_ARGUMENT', 'the clock cannot be advanced any further')
    this.#clock.advance(ms)
    this.tick()
    await this.#state.save()
    return this.timestampMs
  }

  /** Brings the clock object up to date, as each of Sui's commits does. */
  tick(): void {
    this.#system.tick()
  }

  /**
   * Executes a signed transaction once: sent again, it answers what it did the first time.
   * @throws LedgerError when it may not be executed at all; a transaction that fails is recorded
   */
  execute(
    bytes: Uint8Array,
    signatures: readonly Uint8Array[],
    { caller = ANYONE }: Caller = {},
  ): Promise<TransactionRecord> {
    const transaction = parseTransaction(bytes)
    return this.#once(transaction, async () => {
      checkShape(transaction)
      await checkSignatures(transaction, signatures)
      await this.#writer.ready()
      return await this.#commit(caller, () => this.#perform(transaction, signatures))
    })
  }

  /** Executes a transaction of the faucet's address, which nobody can sign for. */
  async executeAsFaucet(
    make: () => Parameters<typeof bcs.TransactionData.serialize>[0],
  ): Promise<TransactionRecord> {
    await this.#writer.ready()
    return this.#commit(FAUCET_ADDRESS, () => {
      const transaction = parseTransaction(serializeTransaction(make()))
      if (parseAddress(transaction.data.sender) !== FAUCET_ADDRESS) throw new TypeError('not the faucet')
      return this.#perform(transaction, [])
    })
  }

  #once(
    { digest }: ParsedTransaction,
    execute: () => Promise<TransactionRecord>,
  ): Promise<TransactionRecord> {
    const running = this.#running.get(digest)
    if (running !== undefined) return running
    const execution = (async () => {
      const before = await this.transaction(digest)
      if (before !== undefined) {
        // it may be known before it is on disk
        await this.#writer.flushed()
        return before
      }
      if (await this.#history.isForgotten(digest))
        throw new LedgerError(
          'FAILED_PRECONDITION',
          `Transaction ${digest} was executed before, and has been pruned`,
        )
      return await execute()
    })().finally(() => this.#running.delete(digest))
    this.#running.set(digest, execution)
    return execution
  }

  async #commit(caller: string, perform: () => Performed): Promise<TransactionRecord> {
    const { record, checkpoint, written } = await this.#turns.run(caller, perform)
    await written
    this.#history.reached(checkpoint)
    this.#pruner.reached(checkpoint.sequence)
    return record
  }

  /** Everything up to the write, in one go. */
  #perform(transaction: ParsedTransaction, signatures: readonly Uint8Array[]): Performed {
    if (this.#writer.failure !== undefined) throw this.#writer.failure
    checkGas(transaction.data, REFERENCE_GAS_PRICE)
    this.#checkExpiration(transaction)
    this.#system.prepare(transaction)
    const timestampMs = this.timestampMs
    const { outcome } = this.#runner.run(transaction, { checks: true, withOutputs: false, openGas: false })
    const checkpoint = makeCheckpoint({
      epoch: this.epoch,
      previous: this.#state.tip,
      timestampMs,
      cost: outcome.cost,
      transactions: [
        { transaction: transaction.digest, effects: outcome.effectsDigest, signatures: [...signatures] },
      ],
    })
    const record: TransactionRecord = {
      digest: transaction.digest,
      checkpoint: checkpoint.sequence,
      timestampMs,
      transaction: transaction.bytes,
      signatures: [...signatures],
      effects: outcome.effects,
      events: outcome.events,
      objectTypes: outcome.objectTypes,
      balanceChanges: outcome.balanceChanges,
      message: outcome.message,
    }
    return { record, checkpoint, written: this.#state.append(checkpoint, record, outcome) }
  }

  /**
   * What a transaction would do now; nothing changes. Without checks, it needs no gas and no ownership. What it
   * publishes is there, with its types, only while `tell` runs.
   */
  async simulate<T>(
    bytes: Uint8Array,
    { checks, withOutputs, caller = ANYONE, signal }: SimulateOptions,
    tell: (simulation: Simulation) => T,
  ): Promise<T> {
    const transaction = parseTransaction(bytes)
    checkShape(transaction)
    checkGasOfSimulation(transaction, checks)
    return this.#turns.run(caller, () => this.#simulate(transaction, { checks, withOutputs }, tell), signal)
  }

  #simulate<T>(
    transaction: ParsedTransaction,
    { checks, withOutputs }: Pick<SimulateOptions, 'checks' | 'withOutputs'>,
    tell: (simulation: Simulation) => T,
  ): T {
    if (checks) this.#checkExpiration(transaction)
    this.#system.prepare(transaction)
    const { outcome, execution } = this.#runner.run(transaction, { checks, withOutputs, openGas: true })
    try {
      const { digest } = transaction
      return tell({ ...outcome, digest, outputs: execution.outputs, timestampMs: this.timestampMs })
    } finally {
      this.#runner.unload(execution)
    }
  }

  #checkExpiration({ data }: ParsedTransaction): void {
    const { chainId } = this.identity
    checkExpiration(data, { epoch: this.epoch, timestampMs: this.timestampMs, chainId })
  }

  /** To be told when everything is on disk after writing had failed: nobody else tells of those checkpoints. */
  recovered(): void {
    this.#history.reached(this.#state.tip)
  }

  /** Resolves once the checkpoint is on disk; rejects with the signal's reason. */
  waitForCheckpoint(sequence: bigint, signal: AbortSignal): Promise<void> {
    return this.#history.waitFor(sequence, signal)
  }

  /** The newest version of an object, or an old one as long as it is kept. */
  async object(id: Address, version?: bigint): Promise<LedgerObject | undefined> {
    if (id === SYSTEM.clock) this.tick()
    const live = this.objects.get(id)
    return version === undefined || live?.version === version
      ? live
      : await this.#history.oldObject(id, version)
  }

  transaction(digest: Digest): Promise<TransactionRecord | undefined> {
    return this.#history.transaction(digest)
  }

  checkpoint(which: bigint | Digest): Promise<CheckpointRecord | undefined> {
    return this.#history.checkpoint(which)
  }

  /** The oldest checkpoint that is kept, with its transactions and events. */
  get lowest(): bigint {
    return this.#pruner.lowest
  }

  /** From this checkpoint on, objects can be read as they were. */
  get lowestWithObjects(): bigint {
    return this.#pruner.lowestObjects(this.height)
  }

  /** Keeps the time, so that the chain goes on from here. */
  async close(): Promise<void> {
    if (this.timestampMs > this.#state.tip.timestampMs) this.tick()
    await this.#pruner.idle()
    await this.#writer.close()
  }
}

/** A simulation may leave out the coins, and without checks any rule about gas but what would overflow. */
function checkGasOfSimulation({ data }: ParsedTransaction, checks: boolean): void {
  if (checks && data.gasData.payment.length > 0) checkGas(data, REFERENCE_GAS_PRICE)
  else checkGasPrice(data, 0n)
}
