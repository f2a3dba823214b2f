import type { Value, Vm } from '../vm/index.ts'
import { SYSTEM } from './address.ts'
import type { ChainClock } from './chain-clock.ts'
import { systemCall } from './execution/system-call.ts'
import { GENESIS_DIGEST, systemContext } from './genesis.ts'
import type { MoveObject } from './object.ts'
import type { Identity, LedgerState } from './state.ts'
import type { ParsedTransaction } from './transaction.ts'

/** What the chain keeps up to date by itself, as Sui's commits do: the clock, and the rounds of randomness. */
export class SystemObjects {
  readonly #vm: Vm
  readonly #state: LedgerState
  readonly #clock: ChainClock
  readonly #draw: (length: number) => Uint8Array
  readonly #identity: Identity
  readonly #epoch: bigint

  constructor(init: {
    vm: Vm
    state: LedgerState
    clock: ChainClock
    draw: (length: number) => Uint8Array
    identity: Identity
    epoch: bigint
  }) {
    this.#vm = init.vm
    this.#state = init.state
    this.#clock = init.clock
    this.#draw = init.draw
    this.#identity = init.identity
    this.#epoch = init.epoch
  }

  /** Brings the clock object up to date. */
  tick(): void {
    const clock = this.#state.objects.get(SYSTEM.clock) as MoveObject
    const timestampMs = this.#clock.nowMs()
    if (timestampMs <= shownMs(clock)) return
    this.#call('clock', 'consensus_commit_prologue', clock, [timestampMs])
  }

  /** Brings those up to date that a transaction is to see. */
  prepare({ programmable }: ParsedTransaction): void {
    const shared = programmable.inputs.map(input => input.Object?.SharedObject?.objectId)
    if (shared.includes(SYSTEM.clock)) this.tick()
    if (shared.includes(SYSTEM.random)) this.#drawRandomness()
  }

  #drawRandomness(): void {
    const random = this.#state.objects.get(SYSTEM.random) as MoveObject
    const round = this.#state.randomRounds
    this.#state.set({ randomRounds: round + 1 })
    this.#call('random', 'update_randomness_state', random, [BigInt(round), [...this.#draw(32)]])
  }

  #call(module: string, fn: string, object: MoveObject, args: Value[]): void {
    const genesisMs = BigInt(this.#identity.genesisMs)
    const written = systemCall({
      vm: this.#vm,
      read: id => this.#state.objects.get(id),
      context: systemContext(`${module} ${object.version}`, this.#epoch, genesisMs),
      target: { module, function: fn },
      object,
      args,
      previousTransaction: GENESIS_DIGEST,
    })
    this.#state.putSystem(written)
  }
}

/** The time that the clock object shows. */
export function shownMs({ contents }: MoveObject): bigint {
  return new DataView(contents.buffer, contents.byteOffset).getBigUint64(32, true)
}
