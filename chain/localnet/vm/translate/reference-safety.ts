import type { Instruction } from '../format/module.ts'
import { OPCODES } from '../format/opcodes.ts'
import type { MoveType } from '../types.ts'
import { BorrowGraph, type Label } from './borrow-graph.ts'
import { analyse } from './dataflow.ts'
import type { Scope } from './scope.ts'

/** A value that is no reference. */
const PLAIN = -1

interface State {
  /** number of the reference that a local holds, or `plain` */
  locals: number[]
  graph: BorrowGraph
  /** the next free number; below are those of locals and of the frame */
  next: number
}

const isReference = (type: MoveType): boolean => type.kind === 'reference'
const isMutable = (type: MoveType): boolean => type.kind === 'reference' && type.mutable

// labels of locals are below all others
const fieldLabel = (owner: number, member: number): Label => 2 ** 16 + owner * 2 ** 8 + member
const variantLabel = (enumeration: number, variant: number, field: number): Label =>
  2 ** 32 + (enumeration * 2 ** 8 + variant) * 2 ** 8 + field

/**
 * Move's reference safety: while a mutable reference is used nothing else refers to the same place,
 * what an immutable one shows does not change, a local is neither moved, overwritten nor copied
 * against what borrows it, and nothing that is returned refers to the frame that ends.
 */
export function checkReferences(scope: Scope, starts: readonly boolean[]): void {
  const uses = scope.flows.some(({ pushed }) => pushed.some(isReference)) || scope.locals.some(isReference)
  if (!uses) return
  /** holds the locals; they are its fields */
  const frame = scope.locals.length
  const graph = new BorrowGraph(steps => scope.charge(steps))
  const locals = scope.locals.map((type, local) => {
    if (local >= scope.fn.parameters.length || !isReference(type)) return PLAIN
    graph.add(local, isMutable(type))
    return local
  })
  graph.add(frame, true)

  const interpreter = new Interpreter(scope, frame)
  analyse<State>(scope, starts, {
    entry: { locals, graph, next: frame + 1 },
    copy: state => ({ locals: [...state.locals], graph: state.graph.copy(), next: state.next }),
    join: (known, state) => join(known, state),
    step: (state, instruction, position) => interpreter.step(state, instruction, position),
    leave: state => rename(state, frame),
  })
}

/** A reference is there after the join only if it is on both paths. */
function join(known: State, state: State): boolean {
  let other = state.graph
  let changed = false
  state.locals.forEach((id, local) => {
    const before = known.locals[local]!
    if (before === id) return
    if (before === PLAIN) {
      if (other === state.graph) other = state.graph.copy()
      other.release(id)
      return
    }
    known.graph.release(before)
    known.locals[local] = PLAIN
    changed = true
  })
  return known.graph.join(other) || changed
}

/** Gives each reference the number of the local that holds it, so that states can be compared. */
function rename(state: State, frame: number): void {
  const names = new Map<number, number>()
  state.locals.forEach((id, local) => {
    if (id !== PLAIN) names.set(id, local)
  })
  state.graph.rename(names)
  state.locals = state.locals.map((id, local) => (id === PLAIN ? PLAIN : local))
  state.next = frame + 1
}

/** What instructions do with references. The values on the stack are numbers of references, or `plain`. */
class Interpreter {
  readonly #scope: Scope
  readonly #frame: number
  #stack: number[] = []

  constructor(scope: Scope, frame: number) {
    this.#scope = scope
    this.#frame = frame
  }

  step(state: State, instruction: Instruction, position: number): void {
    const { popped, pushed } = this.#scope.flows[position]!
    const operands = this.#stack.splice(this.#stack.length - popped, popped)
    const results = this.#results(state, instruction, operands, pushed)
    if (results !== undefined) for (const id of results) this.#stack.push(id)
    else for (let i = 0; i < pushed.length; i++) this.#stack.push(PLAIN)
  }

  #refuse(condition: boolean, reason: string): void {
    if (condition) throw this.#scope.fail(reason)
  }

  #add(state: State, mutable: boolean): number {
    const id = state.next++
    state.graph.add(id, mutable)
    return id
  }

  #release(state: State, ids: Iterable<number>): void {
    for (const id of new Set(ids)) if (id !== PLAIN) state.graph.release(id)
  }

  #isReadable({ graph }: State, id: number, label?: Label): boolean {
    return !graph.isMutable(id) || !graph.isBorrowed(id, { label, mutably: true })
  }

  /** Numbers of what is pushed; undefined when no reference is. */
  #results(
    state: State,
    instruction: Instruction,
    operands: readonly number[],
    pushed: readonly MoveType[],
  ): readonly number[] | undefined {
    const { graph } = state
    const index = Number(instruction.operand)
    const [first = PLAIN] = operands
    const name = OPCODES[instruction.opcode]!.name
    switch (name) {
      case 'CopyLoc': {
        const id = state.locals[index]!
        if (id === PLAIN) {
          this.#refuse(
            graph.hasAliases(this.#frame) || graph.isBorrowed(this.#frame, { label: index, mutably: true }),
            `local ${index} is copied while it is borrowed mutably`,
          )
          return undefined
        }
        const copied = this.#add(state, graph.isMutable(id))
        graph.borrowAt(id, [], copied)
        return [copied]
      }
      case 'MoveLoc': {
        const id = state.locals[index]!
        state.locals[index] = PLAIN
        this.#refuse(
          id === PLAIN && this.#isLocalBorrowed(state, index),
          `local ${index} is moved while it is borrowed`,
        )
        return [id]
      }
      case 'StLoc': {
        const id = state.locals[index]!
        state.locals[index] = first
        if (id !== PLAIN) graph.release(id)
        else
          this.#refuse(
            this.#isLocalBorrowed(state, index),
            `local ${index} is overwritten while it is borrowed`,
          )
        return undefined
      }
      case 'MutBorrowLoc':
      case 'ImmBorrowLoc': {
        const mutable = name === 'MutBorrowLoc'
        this.#refuse(
          graph.hasAliases(this.#frame) ||
            (!mutable && graph.isBorrowed(this.#frame, { label: index, mutably: true })),
          `local ${index} is borrowed while it is borrowed mutably`,
        )
        const id = this.#add(state, mutable)
        graph.borrowAt(this.#frame, [index], id)
        return [id]
      }
      case 'MutBorrowField':
      case 'ImmBorrowField':
      case 'MutBorrowFieldGeneric':
      case 'ImmBorrowFieldGeneric': {
        const { fieldHandles, fieldInstantiations } = this.#scope.module.compiled
        const isGeneric = name.endsWith('Generic')
        const { owner, member } = fieldHandles[isGeneric ? fieldInstantiations[index]!.target : index]!
        const label = fieldLabel(owner, member)
        const mutable = isMutable(pushed[0]!)
        this.#checkPart(state, first, mutable, label)
        const id = this.#add(state, mutable)
        graph.borrowAt(first, [label], id)
        graph.release(first)
        return [id]
      }
      case 'UnpackVariantImmRef':
      case 'UnpackVariantMutRef':
      case 'UnpackVariantGenericImmRef':
      case 'UnpackVariantGenericMutRef': {
        const { variantHandles, variantInstantiations, enumInstantiations } = this.#scope.module.compiled
        const isGeneric = name.includes('Generic')
        const { target, variant } = (isGeneric ? variantInstantiations : variantHandles)[index]!
        const enumeration = isGeneric ? enumInstantiations[target]!.target : target
        const mutable = name.endsWith('MutRef')
        this.#checkPart(state, first, mutable)
        const fields = pushed.map((_type, field) => {
          const id = this.#add(state, mutable)
          graph.borrowAt(first, [variantLabel(enumeration, variant, field)], id)
          return id
        })
        graph.release(first)
        return fields
      }
      case 'FreezeRef': {
        this.#refuse(
          graph.isBorrowed(first, { mutably: true }),
          'a reference is frozen while it is borrowed mutably',
        )
        const frozen = this.#add(state, false)
        graph.borrowAt(first, [], frozen)
        graph.release(first)
        return [frozen]
      }
      case 'Eq':
      case 'Neq':
      case 'ReadRef': {
        for (const id of operands)
          this.#refuse(
            id !== PLAIN && !this.#isReadable(state, id),
            'a reference is read while it is borrowed mutably',
          )
        this.#release(state, operands)
        return undefined
      }
      case 'WriteRef': {
        const id = operands[1]!
        this.#refuse(graph.isBorrowed(id), 'a reference is written through while it is borrowed')
        graph.release(id)
        return undefined
      }
      case 'VecPushBack':
      case 'VecPopBack':
      case 'VecSwap':
        this.#refuse(graph.isBorrowed(first), 'a vector is changed while it is borrowed')
        graph.release(first)
        return undefined
      case 'VecMutBorrow':
      case 'VecImmBorrow': {
        const mutable = name === 'VecMutBorrow'
        this.#refuse(
          mutable && graph.isBorrowed(first),
          'an element is borrowed mutably while the vector is borrowed',
        )
        const id = this.#add(state, mutable)
        graph.borrowAnywhere(first, id)
        graph.release(first)
        return [id]
      }
      case 'Call':
      case 'CallGeneric':
        return this.#call(state, operands, pushed)
      case 'Ret':
        this.#return(state, operands)
        return undefined
      default:
        this.#release(state, operands) // Pop, VecLen, VariantSwitch
        return undefined
    }
  }

  /** A field may be borrowed mutably beside other fields, but not while something refers to the whole. */
  #checkPart(state: State, id: number, mutable: boolean, label?: Label): void {
    this.#refuse(
      mutable ? state.graph.hasAliases(id) : !this.#isReadable(state, id, label),
      'a field is borrowed while it is borrowed mutably',
    )
  }

  #isLocalBorrowed({ graph }: State, local: number): boolean {
    return graph.isBorrowed(this.#frame, { label: local })
  }

  /** Results may refer to whatever the arguments refer to; mutable ones only to what is given mutably. */
  #call(state: State, operands: readonly number[], pushed: readonly MoveType[]): readonly number[] {
    const { graph } = state
    const references = operands.filter(id => id !== PLAIN)
    const mutable = references.filter(id => graph.isMutable(id))
    for (const id of mutable)
      this.#refuse(graph.isBorrowed(id), 'a mutable reference is passed on while it is borrowed')
    const results = pushed.map(type => {
      if (!isReference(type)) return PLAIN
      const id = this.#add(state, isMutable(type))
      for (const parent of isMutable(type) ? mutable : references) graph.borrowAnywhere(parent, id)
      return id
    })
    this.#release(state, references)
    return results
  }

  #return(state: State, operands: readonly number[]): void {
    const { graph } = state
    this.#release(state, state.locals)
    this.#refuse(graph.isBorrowed(this.#frame), 'a reference to a local is returned')
    for (const id of operands)
      this.#refuse(
        id !== PLAIN && graph.isMutable(id) && graph.isBorrowed(id),
        'a mutable reference is returned while it is borrowed',
      )
  }
}
