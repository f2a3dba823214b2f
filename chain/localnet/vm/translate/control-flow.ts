import type { Instruction } from '../format/module.ts'
import type { Scope } from './scope.ts'

const RET = 0x02
const BRANCH_TRUE = 0x03
const BRANCH_FALSE = 0x04
const BRANCH = 0x05
const ABORT = 0x27
const VARIANT_SWITCH = 0x56

/** Whether the next instruction may follow. */
export const fallsThrough = ({ opcode }: Instruction): boolean =>
  opcode !== RET && opcode !== BRANCH && opcode !== ABORT && opcode !== VARIANT_SWITCH

/** Where an instruction may jump to. */
export function jumps(scope: Scope, { opcode, operand }: Instruction): readonly number[] {
  switch (opcode) {
    case BRANCH_TRUE:
    case BRANCH_FALSE:
    case BRANCH:
      return [Number(operand)]
    case VARIANT_SWITCH: {
      const table = scope.code.jumpTables[Number(operand)]
      if (table === undefined) throw scope.fail('no such jump table')
      return table.offsets
    }
    default:
      return []
  }
}

/** Marks the first instruction of each basic block; throws on a jump out of the function or a missing end. */
export function blockStarts(scope: Scope): readonly boolean[] {
  const { instructions } = scope.code
  const last = instructions.at(-1)
  if (!last || fallsThrough(last)) throw scope.fail('the code does not end')
  const starts = new Array<boolean>(instructions.length).fill(false)
  starts[0] = true
  instructions.forEach((instruction, position) => {
    const targets = jumps(scope, instruction)
    for (const target of targets) {
      if (target >= instructions.length) throw scope.fail('a jump out of the code')
      starts[target] = true
    }
    const next = position + 1
    if ((targets.length > 0 || !fallsThrough(instruction)) && next < instructions.length) starts[next] = true
  })
  return starts
}
