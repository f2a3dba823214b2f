import { fallsThrough, jumps } from './control-flow.ts'
import type { Scope } from './scope.ts'

const framework = `0x${'2'.padStart(64, '0')}`
/** Functions of the framework that return a UID which no object has. */
const sources: ReadonlySet<string> = new Set([
  'object::new',
  'object::new_uid_from_hash',
  'derived_object::claim',
  'test_scenario::new_object',
])

export const returnsFreshId = (address: string, module: string, name: string): boolean =>
  address === framework && sources.has(`${module}::${name}`)

const copyLoc = 0x0a
const moveLoc = 0x0b
const stLoc = 0x0c

/** Visits of instructions; a function of ordinary shape needs a few for each. */
const maxVisits = 1_000_000

/**
 * Sui's rule that an object is made around a new UID, never around one that another object had: on
 * every path, the first field that is packed comes straight from `object::new`.
 */
export function checkFreshIds(scope: Scope, starts: readonly boolean[]): void {
  if (!scope.flows.some(flow => flow.makesObject) || scope.module.package.originalId === framework) return
  const { instructions } = scope.code
  // which locals hold a fresh UID when a block is entered
  const states = new Map<number, boolean[]>([[0, scope.locals.map(() => false)]])
  const work = [0]
  let visits = 0

  const flow = (target: number, state: readonly boolean[]): void => {
    const known = states.get(target)
    if (!known) {
      states.set(target, [...state])
      work.push(target)
      return
    }
    let changed = false
    known.forEach((fresh, local) => {
      if (fresh && !state[local]) {
        known[local] = false
        changed = true
      }
    })
    if (changed) work.push(target)
  }

  for (let start = work.pop(); start !== undefined; start = work.pop()) {
    const locals = [...states.get(start)!]
    const stack: boolean[] = [] // empty between blocks
    for (let position = start; ; position++) {
      if (++visits > maxVisits) throw scope.fail('too complex')
      scope.position = position
      const instruction = instructions[position]!
      const { popped, pushed, makesObject, isFresh } = scope.flows[position]!
      const operands = stack.splice(stack.length - popped, popped)
      if (makesObject && !operands[0]) throw scope.fail('an object is made around a UID that is not new')
      const local = Number(instruction.operand)
      if (instruction.opcode === stLoc) locals[local] = operands[0]!
      const isRead = instruction.opcode === moveLoc || instruction.opcode === copyLoc
      for (let i = 0; i < pushed; i++) stack.push(isRead ? locals[local]! : isFresh)
      for (const target of jumps(scope, instruction)) flow(target, locals)
      if (!fallsThrough(instruction)) break
      if (starts[position + 1]) {
        flow(position + 1, locals)
        break
      }
    }
  }
}
