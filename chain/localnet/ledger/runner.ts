import type { Vm } from '../vm/index.ts'
import { type Address, parseAddress } from './address.ts'
import { checkDenied } from './deny-list.ts'
import type { Digest } from './digest.ts'
import { makeOutcome, type Outcome } from './execution/effects.ts'
import { type Execution, execute } from './execution/execute.ts'
import type { LoadedTransaction } from './execution/inputs.ts'
import { REFERENCE_GAS_PRICE } from './limits.ts'
import { loadTransaction } from './load-inputs.ts'
import type { LedgerObject } from './object.ts'
import type { Identity } from './state.ts'
import type { ParsedTransaction } from './transaction.ts'

export interface RunOptions {
  /** without them it needs no gas and no ownership */
  checks: boolean
  withOutputs: boolean
  /** a transaction without a gas payment has a coin made up for it */
  openGas: boolean
}

/** Runs transactions on the objects as they are, and changes none: what a transaction did is its outcome. */
export class Runner {
  readonly #vm: Vm
  readonly #read: (id: Address) => LedgerObject | undefined
  readonly #identity: Identity
  readonly #epoch: bigint

  constructor(init: {
    vm: Vm
    read: (id: Address) => LedgerObject | undefined
    identity: Identity
    epoch: bigint
  }) {
    this.#vm = init.vm
    this.#read = init.read
    this.#identity = init.identity
    this.#epoch = init.epoch
  }

  /** What it publishes is in the VM afterwards: who does not keep the outcome unloads it. */
  run(
    transaction: ParsedTransaction,
    { checks, withOutputs, openGas }: RunOptions,
  ): { outcome: Outcome; execution: Execution } {
    const { data, programmable, digestBytes } = transaction
    const { chainId, genesisMs } = this.#identity
    const read = this.#read
    const loaded = loadTransaction(read, transaction, { checks, openGas, chainId, epoch: this.#epoch })
    const sender = parseAddress(data.sender)
    if (checks) checkDenied(this.#vm, read, loaded, sender)
    const gasOwner = parseAddress(data.gasData.owner)
    const execution = execute({
      vm: this.#vm,
      context: {
        sender,
        sponsor: gasOwner === sender ? undefined : gasOwner,
        epoch: this.#epoch,
        epochTimestampMs: BigInt(genesisMs),
        gasPrice: BigInt(data.gasData.price),
        referenceGasPrice: REFERENCE_GAS_PRICE,
        gasBudget: BigInt(data.gasData.budget),
        digest: digestBytes,
      },
      transaction: programmable,
      loaded,
      read,
      checks,
      withOutputs,
    })
    try {
      return { outcome: this.#outcome(transaction, loaded, execution), execution }
    } catch (error) {
      this.unload(execution)
      throw error
    }
  }

  /** Forgets packages that are not in the ledger. */
  unload({ packages }: Execution): void {
    for (const { id } of packages.toReversed()) this.#vm.unloadPackage(id)
  }

  #outcome(
    { data, programmable, digest }: ParsedTransaction,
    loaded: LoadedTransaction,
    execution: Execution,
  ): Outcome {
    const packageDependencies = new Set<Digest>()
    for (const command of programmable.commands) {
      const used = command.MoveCall && this.#read(command.MoveCall.package)
      if (used !== undefined) packageDependencies.add(used.previousTransaction)
    }
    return makeOutcome({
      execution,
      loaded,
      digest,
      sender: parseAddress(data.sender),
      epoch: this.#epoch,
      gasPrice: BigInt(data.gasData.price),
      hasTypeAbility: (type, ability) => (this.#vm.abilities(type) & ability) !== 0,
      eventTag: type => (this.#vm.types.toTag(type) as { struct: object }).struct,
      packageDependencies,
      read: this.#read,
    })
  }
}
