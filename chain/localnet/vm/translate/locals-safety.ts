import { droppable } from '../abilities.ts'
import { analyse } from './dataflow.ts'
import type { Scope } from './scope.ts'

const unset = 0
const set = 1
/** set on some paths only */
const maybe = 2

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
  const canDrop = scope.locals.map(type => (scope.abilities(type) & droppable) !== 0)
  const needed = (state: Uint8Array, local: number): void => {
    if (state[local] !== set) throw scope.fail(`local ${local} may hold no value`)
  }
  analyse<Uint8Array>(scope, starts, {
    entry: new Uint8Array(scope.locals.length).fill(set, 0, scope.fn.parameters.length),
    copy: state => state.slice(),
    join: (known, state) => {
      scope.charge(state.length >> 2)
      let changed = false
      state.forEach((value, local) => {
        if (known[local] === value || known[local] === maybe) return
        known[local] = maybe
        changed = true
      })
      return changed
    },
    step: (state, { opcode, operand }) => {
      const local = Number(operand)
      switch (opcode) {
        case copyLoc:
        case mutBorrowLoc:
        case immBorrowLoc:
          needed(state, local)
          break
        case moveLoc:
          needed(state, local)
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
    },
  })
}
