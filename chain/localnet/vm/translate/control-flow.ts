import type { Instruction } from '../format/module.ts'
import type { Scope } from './scope.ts'

const ret = 0x02
const branchTrue = 0x03
const branchFalse = 0x04
const branch = 0x05
const abort = 0x27
const variantSwitch = 0x56

/** Whether the next instruction may follow. */
export const fallsThrough = ({ opcode }: Instruction): boolean =>
  opcode !== ret && opcode !== branch && opcode !== abort && opcode !== variantSwitch

/** Where an instruction may jump to. */
export function jumps(scope: Scope, { opcode, operand }: Instruction): readonly number[] {
  switch (opcode) {
    case branchTrue:
    case branchFalse:
    case branch:
      return [Number(operand)]
    case variantSwitch: {
      const table = scope.code.jumpTables[Number(operand)]
      if (!table) throw scope.fail('no such jump table')
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
