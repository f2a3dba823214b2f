import { droppable } from '../abilities.ts'
import { fallsThrough, jumps } from './control-flow.ts'
import type { Scope } from './scope.ts'

const unset = 0
const set = 1
/** set on some paths only */
const maybe = 2

/** Visits of instructions; a function of ordinary shape needs a few for each. */
const maxVisits = 1_000_000

const ret = 0x02
const copyLoc = 0x0a
const moveLoc = 0x0b
const stLoc = 0x0c
const mutBorrowLoc = 0x0d
const immBorrowLoc = 0x0e

/**
 * Checks that a local is only used while it holds a value on every path, and that a value which
 * cannot be dropped is neither overwritten nor left behind at a return.
 */
export function checkLocals(scope: Scope, starts: readonly boolean[]): void {
  const { instructions } = scope.code
  const canDrop = scope.locals.map(type => (scope.abilities(type) & droppable) !== 0)
  const entry = new Uint8Array(scope.locals.length).fill(set, 0, scope.fn.parameters.length)
  const states = new Map<number, Uint8Array>([[0, entry]])
  const work = [0]
  let visits = 0

  const flow = (target: number, state: Uint8Array): void => {
    const known = states.get(target)
    if (!known) {
      states.set(target, state.slice())
      work.push(target)
      return
    }
    let changed = false
    state.forEach((value, local) => {
      if (known[local] !== value && known[local] !== maybe) {
        known[local] = maybe
        changed = true
      }
    })
    if (changed) work.push(target)
  }

  for (let start = work.pop(); start !== undefined; start = work.pop()) {
    const state = states.get(start)!.slice()
    for (let position = start; ; position++) {
      if (++visits > maxVisits) throw scope.fail('too complex')
      const instruction = instructions[position]!
      const local = Number(instruction.operand)
      scope.position = position
      switch (instruction.opcode) {
        case copyLoc:
        case mutBorrowLoc:
        case immBorrowLoc:
          if (state[local] !== set) throw scope.fail(`local ${local} may hold no value`)
          break
        case moveLoc:
          if (state[local] !== set) throw scope.fail(`local ${local} may hold no value`)
          state[local] = unset
          break
        case stLoc:
          if (state[local] !== unset && !canDrop[local])
            throw scope.fail(`local ${local} would be overwritten`)
          state[local] = set
          break
        case ret:
          if (state.some((value, i) => value !== unset && !canDrop[i]))
            throw scope.fail('a value that cannot be dropped is left')
      }
      for (const target of jumps(scope, instruction)) flow(target, state)
      if (!fallsThrough(instruction)) break
      if (starts[position + 1]) {
        flow(position + 1, state)
        break
      }
    }
  }
}
