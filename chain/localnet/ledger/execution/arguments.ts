import { type Meter, type MoveType, Reference, type Value, type Vm, VmError } from '../../vm/index.ts'
import { SYSTEM } from '../address.ts'
import { argumentFailure, fail } from './failure.ts'
import { newSlot, type Slot } from './inputs.ts'

/** An argument as `@mysten/sui/bcs` parses it. */
export type Argument =
  | { $kind: 'GasCoin'; GasCoin: true }
  | { $kind: 'Input'; Input: number }
  | { $kind: 'Result'; Result: number }
  | { $kind: 'NestedResult'; NestedResult: [number, number] }

export const ABILITIES = { copy: 1, drop: 2, store: 4, key: 8 } as const

/** A datatype whose bytes a client may give: std strings, Option, ID. */
function pureDatatype(address: string, module: string, name: string): boolean {
  const path = `${module}::${name}`
  return address === SYSTEM.std
    ? path === 'string::String' || path === 'ascii::String' || path === 'option::Option'
    : address === SYSTEM.sui && path === 'object::ID'
}

function isPure(type: MoveType): boolean {
  switch (type.kind) {
    case 'vector':
      return isPure(type.element)
    case 'datatype':
      return pureDatatype(type.address, type.module, type.name) && type.typeArguments.every(isPure)
    case 'signer':
    case 'reference':
    case 'parameter':
      return false
    default:
      return true
  }
}

/** The values of a transaction, and the rules by which one command may use them. */
export class Arguments {
  readonly #vm: Vm
  readonly #gas: Slot | undefined
  readonly #inputs: readonly Slot[]
  readonly results: Slot[][] = []
  /** checks off: any bytes may stand for any value */
  readonly #anyPure: boolean
  readonly #meter: Meter
  /** how the current command has used a value so far */
  #uses = new Map<Value[], 'read' | 'write'>()
  /** what the current command has by mutable reference */
  lent: { argument: Argument; type: MoveType; cell: Value[] }[] = []

  constructor(
    vm: Vm,
    inputs: readonly Slot[],
    gas: Slot | undefined,
    options: { anyPure: boolean; meter: Meter },
  ) {
    this.#vm = vm
    this.#inputs = inputs
    this.#gas = gas
    this.#anyPure = options.anyPure
    this.#meter = options.meter
  }

  startCommand(): void {
    this.#uses = new Map()
    this.lent = []
  }

  slot(index: number, argument: Argument): Slot {
    switch (argument.$kind) {
      case 'GasCoin':
        if (this.#gas === undefined) throw argumentFailure(index, { InvalidGasCoinUsage: true })
        return this.#gas
      case 'Input': {
        const slot = this.#inputs[argument.Input]
        if (slot === undefined) throw argumentFailure(index, { IndexOutOfBounds: { idx: argument.Input } })
        return slot
      }
      case 'Result': {
        const results = this.#result(index, argument.Result)
        if (results.length !== 1)
          throw argumentFailure(index, { InvalidResultArity: { resultIdx: argument.Result } })
        return results[0]!
      }
      case 'NestedResult': {
        const [resultIdx, secondaryIdx] = argument.NestedResult
        const slot = this.#result(index, resultIdx)[secondaryIdx]
        if (slot === undefined)
          throw argumentFailure(index, { SecondaryIndexOutOfBounds: { resultIdx, secondaryIdx } })
        return slot
      }
    }
  }

  #result(index: number, command: number): Slot[] {
    const results = this.results[command]
    if (results === undefined) throw argumentFailure(index, { IndexOutOfBounds: { idx: command } })
    return results
  }

  /** A `&T` or `&mut T` argument. */
  borrow(index: number, argument: Argument, type: MoveType, mutable: boolean): Reference {
    const slot = this.slot(index, argument)
    const cell = this.#typedCell(index, slot, type)
    if (mutable && (slot.access === 'immutable' || slot.access === 'readonly'))
      throw argumentFailure(index, { InvalidObjectByMutRef: true })
    const before = this.#uses.get(cell)
    if (before !== undefined && (mutable || before === 'write'))
      throw argumentFailure(index, { InvalidReferenceArgument: true })
    this.#uses.set(cell, mutable ? 'write' : 'read')
    slot.usedByValue = false
    if (mutable) this.lent.push({ argument, type, cell })
    return new Reference(cell, 0)
  }

  /** A `T` argument: copied when the type allows it, moved otherwise. */
  take(index: number, argument: Argument, type: MoveType): Value {
    const slot = this.slot(index, argument)
    if (slot.isGas) throw argumentFailure(index, { InvalidGasCoinUsage: true })
    return this.#takeCell(index, slot, type, this.#typedCell(index, slot, type))
  }

  /** An object by value, whatever its type; only TransferObjects may take the gas coin. */
  takeObject(index: number, argument: Argument): { type: MoveType; value: Value } {
    const slot = this.slot(index, argument)
    const { type } = slot
    if (
      type === undefined ||
      (this.#vm.abilities(type) & ABILITIES.key) === 0 ||
      (this.#vm.abilities(type) & ABILITIES.store) === 0
    )
      throw argumentFailure(index, { InvalidTransferObject: true })
    return { type, value: this.#takeCell(index, slot, type, this.#typedCell(index, slot, type)) }
  }

  #takeCell(index: number, slot: Slot, type: MoveType, cell: Value[]): Value {
    slot.usedByValue = true
    if (slot.object === undefined && (this.#vm.abilities(type) & ABILITIES.copy) !== 0) {
      if (this.#uses.get(cell) === 'write') throw argumentFailure(index, { InvalidReferenceArgument: true })
      return this.#copy(type, cell[0]!)
    }
    if (slot.access === 'immutable' || slot.access === 'readonly')
      throw argumentFailure(index, { InvalidObjectByValue: true })
    if (this.#uses.has(cell)) throw argumentFailure(index, { CannotMoveBorrowedValue: true })
    return cell.pop()!
  }

  #copy(type: MoveType, value: Value): Value {
    if (typeof value !== 'object') return value
    const bytes = this.#vm.serialize(type, value, this.#meter)
    return this.#vm.deserialize(type, bytes, { meter: this.#meter })
  }

  #typedCell(index: number, slot: Slot, type: MoveType): Value[] {
    if (slot.bytes !== undefined) return this.#pure(index, slot, slot.bytes, type)
    if (slot.receiving !== undefined) return this.#receiving(index, slot, type)
    if (slot.type !== type) throw argumentFailure(index, { TypeMismatch: true })
    if (slot.cell.length === 0) throw argumentFailure(index, { ArgumentWithoutValue: true })
    return slot.cell
  }

  /** One value per type, so that a mutation through `&mut` is seen by later commands. */
  #pure(index: number, slot: Slot, bytes: Uint8Array, type: MoveType): Value[] {
    slot.decoded ??= new Map()
    const known = slot.decoded.get(type)
    if (known !== undefined) return known
    if (!this.#anyPure && !isPure(type)) throw argumentFailure(index, { InvalidUsageOfPureArg: true })
    try {
      const cell = [this.#vm.deserialize(type, bytes, { pure: !this.#anyPure, meter: this.#meter })]
      slot.decoded.set(type, cell)
      return cell
    } catch (error) {
      if (error instanceof VmError && error.kind !== 'InsufficientGas')
        throw argumentFailure(index, { InvalidBCSBytes: true })
      throw error
    }
  }

  #receiving(index: number, slot: Slot, type: MoveType): Value[] {
    const isReceiving =
      type.kind === 'datatype' &&
      type.address === SYSTEM.sui &&
      type.module === 'transfer' &&
      type.name === 'Receiving'
    if (!isReceiving || (slot.type !== undefined && slot.type !== type))
      throw argumentFailure(index, { TypeMismatch: true })
    if (slot.type === undefined) {
      slot.type = type
      slot.cell = [[[slot.receiving!.id], slot.receiving!.version]]
    }
    if (slot.cell.length === 0) throw argumentFailure(index, { ArgumentWithoutValue: true })
    return slot.cell
  }

  addResults(values: { type: MoveType; value: Value }[], tainted: boolean): void {
    this.results.push(values.map(({ type, value }) => newSlot({ type, cell: [value], tainted })))
  }

  /** Every result must have been used up, unless it may be dropped. */
  checkUnused(): void {
    for (const [resultIdx, slots] of this.results.entries())
      for (const [secondaryIdx, slot] of slots.entries()) {
        if (slot.cell.length === 0) continue
        const has = this.#vm.abilities(slot.type!)
        if ((has & ABILITIES.drop) !== 0) continue
        if ((has & ABILITIES.copy) !== 0 && slot.usedByValue) continue
        throw fail(
          { UnusedValueWithoutDrop: { resultIdx, secondaryIdx } },
          `Unused result without the drop ability. Command result ${resultIdx}, return value ${secondaryIdx}`,
        )
      }
  }
}
