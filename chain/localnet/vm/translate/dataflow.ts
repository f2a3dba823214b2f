import type { Instruction } from '../format/module.ts'
import { fallsThrough, jumps } from './control-flow.ts'
import type { Scope } from './scope.ts'

/** What is known before each basic block, made up from all paths that lead to it. */
export interface Analysis<State> {
  /** at the function's start */
  entry: State
  copy(state: State): State
  /** Adds what another path knows; answers whether anything is new. */
  join(into: State, from: State): boolean
  /** Changes the state as the instruction does. In Move the stack is empty between blocks. */
  step(state: State, instruction: Instruction, position: number): void
  /** Brings a state into the form in which it is compared, at a block's end. */
  leave?(state: State): void
}

/** Runs an analysis until no path adds anything. */
export function analyse<State>(scope: Scope, starts: readonly boolean[], analysis: Analysis<State>): void {
  const { instructions } = scope.code
  const before = new Map<number, State>([[0, analysis.entry]])
  const pending = new Set([0])

  const flow = (target: number, state: State): void => {
    scope.charge(1)
    const known = before.get(target)
    if (known === undefined) before.set(target, analysis.copy(state))
    else if (!analysis.join(known, state)) return
    pending.add(target)
  }

  /** Follows a block to its end. */
  const visit = (start: number): void => {
    const state = analysis.copy(before.get(start)!)
    for (let position = start; ; position++) {
      const instruction = instructions[position]!
      scope.charge(1)
      scope.position = position
      analysis.step(state, instruction, position)
      const falls = fallsThrough(instruction)
      const targets = jumps(scope, instruction)
      if (falls && targets.length === 0 && !starts[position + 1]) continue
      analysis.leave?.(state)
      for (const target of targets) flow(target, state)
      if (falls) flow(position + 1, state)
      return
    }
  }

  // in the code's order, as loops then settle in few rounds
  const order = starts.flatMap((isStart, position) => (isStart ? [position] : []))
  while (pending.size > 0) for (const start of order) if (pending.delete(start)) visit(start)
}
