import type { Definitions } from '../definitions.ts'
import { VmError } from '../errors.ts'
import type { CodeUnit, Instruction } from '../format/module.ts'
import type { FunctionImpl, ModuleImpl, Op } from '../loaded.ts'
import type { Meter } from '../meter.ts'
import type { Abilities, DatatypeType, MoveType, TypeTable } from '../types.ts'

/** Turns one instruction into an op, checking its operands' types and changing the stack. */
export type Handler = (scope: Scope, operand: number, instruction: Instruction) => Op

/** What an instruction does to the stack, for the analyses that follow the inference. */
export interface Flow {
  popped: number
  /** types of what is pushed */
  pushed: MoveType[]
  /** packs a struct with key */
  makesObject: boolean
  /** returns a UID that no object has */
  isFresh: boolean
}

/** Steps of a transaction in the time of one of the verifier's. */
const VERIFIER_STEPS = 10
/** What is kept for each: states of blocks, edges between references. */
const VERIFIER_BYTES = 64

/** State of the type inference of one function. */
export class Scope {
  readonly fn: FunctionImpl
  readonly module: ModuleImpl
  readonly code: CodeUnit
  readonly types: TypeTable
  readonly definitions: Definitions
  /** types of parameters and locals */
  readonly locals: readonly MoveType[]
  readonly stack: MoveType[] = []
  /** instruction being looked at */
  position = 0
  /** of each instruction so far */
  readonly flows: Flow[] = []
  readonly #wellFormed = new Set<MoveType>()
  readonly #meter: Meter

  /** @param meter bounds the work: types and paths multiply */
  constructor(fn: FunctionImpl, code: CodeUnit, definitions: Definitions, meter: Meter) {
    this.#meter = meter
    this.fn = fn
    this.module = fn.module
    this.code = code
    this.types = fn.module.package.linker.types
    this.definitions = definitions
    this.locals = [...fn.parameters, ...fn.module.signature(code.locals)]
  }

  fail(reason: string): VmError {
    return new VmError({
      kind: 'VMVerificationOrDeserializationError',
      module: this.module.name,
      reason: `${reason} in ${this.fn.name} at ${this.position}`,
    })
  }

  /** Goes on to the next instruction. */
  begin(position: number): void {
    this.position = position
    this.charge(2)
    this.flows.push({ popped: 0, pushed: [], makesObject: false, isFresh: false })
  }

  charge(steps: number): void {
    this.#meter.charge(VERIFIER_STEPS * steps)
    this.#meter.allocate(VERIFIER_BYTES * steps)
  }

  /** Of the instruction being looked at. */
  get flow(): Flow {
    return this.flows.at(-1)!
  }

  push(...types: readonly MoveType[]): void {
    const { pushed } = this.flow
    for (const type of types) {
      this.charge(type.nodes)
      pushed.push(type)
      this.stack.push(type)
    }
  }

  pop(): MoveType {
    const type = this.stack.pop()
    if (type === undefined) throw this.fail('the stack is empty')
    this.flow.popped++
    return type
  }

  /** Pops exactly this type. */
  expect(type: MoveType): void {
    const actual = this.pop()
    if (actual !== type) throw this.fail(`${type.text} expected, ${actual.text} found`)
  }

  /** Pops these types, the last one first. */
  expectAll(types: readonly MoveType[]): void {
    for (let i = types.length - 1; i >= 0; i--) this.expect(types[i]!)
  }

  /** Pops a reference and returns what it refers to. */
  popReference({ mutable }: { mutable: boolean }): MoveType {
    const type = this.pop()
    if (type.kind !== 'reference') throw this.fail(`a reference expected, ${type.text} found`)
    if (mutable && !type.mutable) throw this.fail('a mutable reference expected')
    return type.target
  }

  /** Pops a reference to exactly this type. */
  expectReference(target: MoveType, options: { mutable: boolean }): void {
    const actual = this.popReference(options)
    if (actual !== target) throw this.fail(`a reference to ${target.text} expected, to ${actual.text} found`)
  }

  abilities(type: MoveType): Abilities {
    return this.definitions.abilities(type, this.fn.typeParameters)
  }

  require(type: MoveType, ability: Abilities): void {
    this.charge(type.nodes)
    if ((this.abilities(type) & ability) !== ability) throw this.fail(`${type.text} lacks an ability`)
  }

  /** Throws when a type of the function's signature, code or locals is not well formed. */
  checkType(type: MoveType): void {
    if (this.#wellFormed.has(type)) return
    this.charge(8 * type.nodes)
    const problem = this.definitions.problem(type, this.fn.typeParameters)
    if (problem !== undefined) throw this.fail(`bad type ${type.text}: ${problem}`)
    this.#wellFormed.add(type)
  }

  /** Type arguments from a signature, each of them well formed and none a reference. */
  typeArguments(signature: number): readonly MoveType[] {
    const types = this.module.signature(signature)
    for (const type of types) {
      if (type.kind === 'reference') throw this.fail('a reference as a type argument')
      this.checkType(type)
    }
    return types
  }

  /** The datatype of a definition of this module, well formed. */
  own(handle: number, typeArguments: readonly MoveType[]): DatatypeType {
    const type = this.module.datatype(handle, typeArguments)
    this.checkType(type)
    return type
  }

  local(index: number): MoveType {
    const type = this.locals[index]
    if (type === undefined) throw this.fail(`no local ${index}`)
    return type
  }
}
