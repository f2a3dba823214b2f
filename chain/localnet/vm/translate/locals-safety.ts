import { DROPPABLE } from '../abilities.ts'
import { analyse } from './dataflow.ts'
import type { Scope } from './scope.ts'

const UNSET = 0
const SET = 1
/** set on some paths only */
const MAYBE = 2

const RET = 0x02
const COPY_LOC = 0x0a
const MOVE_LOC = 0x0b
const ST_LOC = 0x0c
const MUT_BORROW_LOC = 0x0d
const IMM_BORROW_LOC = 0x0e

/**
 * Checks that a local is only used while it holds a value on every path, and that a value which
 * cannot be dropped is neither overwritten nor left behind at a return.
 */
export function checkLocals(scope: Scope, starts: readonly boolean[]): void {
  const canDrop = scope.locals.map(type => (scope.abilities(type) & DROPPABLE) !== 0)
  const needed = (state: Uint8Array, local: number): void => {
    if (state[local] !== SET) throw scope.fail(`local ${local} may hold no value`)
  }
  analyse<Uint8Array>(scope, starts, {
    entry: new Uint8Array(scope.locals.length).fill(SET, 0, scope.fn.parameters.length),
    copy: state => state.slice(),
    join: (known, state) => {
      scope.charge(state.length >> 2)
      let changed = false
      state.forEach((value, local) => {
        if (known[local] === value || known[local] === MAYBE) return
        known[local] = MAYBE
        changed = true
      })
      return changed
    },
    step: (state, { opcode, operand }) => {
      const local = Number(operand)
      switch (opcode) {
        case COPY_LOC:
        case MUT_BORROW_LOC:
        case IMM_BORROW_LOC:
          needed(state, local)
          break
        case MOVE_LOC:
          needed(state, local)
          state[local] = UNSET
          break
        case ST_LOC:
          if (state[local] !== UNSET && !canDrop[local])
            throw scope.fail(`local ${local} would be overwritten`)
          state[local] = SET
          break
        case RET:
          if (state.some((value, i) => value !== UNSET && !canDrop[i]))
            throw scope.fail('a value that cannot be dropped is left')
      }
    },
  })
}
