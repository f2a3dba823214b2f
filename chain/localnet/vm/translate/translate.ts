import type { Definitions } from '../definitions.ts'
import type { CodeUnit } from '../format/module.ts'
import { OPCODES } from '../format/opcodes.ts'
import type { Body, FunctionImpl, Op } from '../loaded.ts'
import type { Meter } from '../meter.ts'
import { blockStarts, fallsThrough } from './control-flow.ts'
import { checkFreshIds } from './fresh-ids.ts'
import { arithmeticHandlers } from './handlers/arithmetic.ts'
import { callHandlers } from './handlers/calls.ts'
import { controlHandlers } from './handlers/control.ts'
import { enumHandlers } from './handlers/enums.ts'
import { localHandlers } from './handlers/locals.ts'
import { structHandlers } from './handlers/structs.ts'
import { vectorHandlers } from './handlers/vectors.ts'
import { checkLocals } from './locals-safety.ts'
import { checkLoops } from './loops.ts'
import { checkReferences } from './reference-safety.ts'
import { type Handler, Scope } from './scope.ts'

const handlersByName: Record<string, Handler> = {
  ...localHandlers,
  ...arithmeticHandlers,
  ...structHandlers,
  ...enumHandlers,
  ...vectorHandlers,
  ...callHandlers,
  ...controlHandlers,
}
const HANDLERS: readonly (Handler | undefined)[] = OPCODES.map(row => row && handlersByName[row.name])

/** Sui's max_value_stack_size would stop a function that needs more. */
const MAX_STACK = 1024
const MAX_LOCALS = 256
const MAX_PUSHES = 10_000 // Sui's max_push_size, in one basic block
const VARIANT_SWITCH = 0x56

/**
 * Verifies a function and makes it ready to run: the types on the stack are inferred block by block
 * (in Move the stack is empty between blocks), every instruction's operands are checked against
 * them, then the use of locals and references is.
 * @param meter bounds the work; throws VmError `InsufficientGas`
 */
export function translate(fn: FunctionImpl, code: CodeUnit, definitions: Definitions, meter: Meter): Body {
  const scope = new Scope(fn, code, definitions, meter)
  if (scope.locals.length > MAX_LOCALS) throw scope.fail('too many locals')
  for (const type of [...scope.locals, ...fn.returns]) scope.checkType(type)
  const starts = blockStarts(scope)
  checkLoops(scope, starts)
  const switched = new Set(
    code.instructions.filter(({ opcode }) => opcode === VARIANT_SWITCH).map(({ operand }) => operand),
  )
  if (switched.size !== code.jumpTables.length) throw scope.fail('a jump table is not used')
  const ops: Op[] = []
  let pushes = 0
  for (const [position, instruction] of code.instructions.entries()) {
    scope.begin(position)
    if (starts[position] && scope.stack.length > 0) throw scope.fail('values are left on the stack')
    const handler = HANDLERS[instruction.opcode]
    if (handler === undefined) throw scope.fail(`instruction ${instruction.opcode} is not supported`)
    ops.push(handler(scope, Number(instruction.operand), instruction))
    pushes = (starts[position] ? 0 : pushes) + scope.flow.pushed.length
    if (pushes > MAX_PUSHES) throw scope.fail('too many values are pushed')
    if (!fallsThrough(instruction) && scope.stack.length > 0) throw scope.fail('values are left on the stack')
    if (scope.stack.length > MAX_STACK) throw scope.fail('too many values on the stack')
  }
  checkLocals(scope, starts)
  checkReferences(scope, starts)
  checkFreshIds(scope, starts)
  return { ops, locals: scope.locals.length, steps: scope.locals.length >> 3 }
}
