import { analyse } from './dataflow.ts'
import type { Scope } from './scope.ts'

const FRAMEWORK = `0x${'2'.padStart(64, '0')}`
/** Makes the object at 0x5, with an ID that it is given. */
const SUI_SYSTEM = `0x${'3'.padStart(64, '0')}`
/** Functions of the framework that return a UID which no object has. */
const SOURCES: ReadonlySet<string> = new Set([
  'object::new',
  'object::new_uid_from_hash',
  'derived_object::claim',
  'test_scenario::new_object',
])

export const returnsFreshId = (address: string, module: string, name: string): boolean =>
  address === FRAMEWORK && SOURCES.has(`${module}::${name}`)

const COPY_LOC = 0x0a
const MOVE_LOC = 0x0b
const ST_LOC = 0x0c

/**
 * Sui's rule that an object is made around a new UID, never around one that another object had: on
 * every path, the first field that is packed comes straight from `object::new`.
 */
export function checkFreshIds(scope: Scope, starts: readonly boolean[]): void {
  const { originalId } = scope.module.package
  if (originalId === FRAMEWORK || originalId === SUI_SYSTEM) return
  if (!scope.flows.some(flow => flow.makesObject)) return
  let stack: boolean[] = []
  // which locals hold a fresh UID
  analyse<boolean[]>(scope, starts, {
    entry: scope.locals.map(() => false),
    copy: state => [...state],
    join: (known, state) => {
      scope.charge(state.length >> 2)
      let changed = false
      known.forEach((fresh, local) => {
        if (!fresh || state[local]) return
        known[local] = false
        changed = true
      })
      return changed
    },
    step: (locals, { opcode, operand }, position) => {
      const { popped, pushed, makesObject, isFresh } = scope.flows[position]!
      const operands = stack.splice(stack.length - popped, popped)
      if (makesObject && !operands[0]) throw scope.fail('an object is made around a UID that is not new')
      const local = Number(operand)
      if (opcode === ST_LOC) locals[local] = operands[0]!
      const fresh = opcode === MOVE_LOC || opcode === COPY_LOC ? locals[local]! : isFresh
      for (let i = 0; i < pushed.length; i++) stack.push(fresh)
    },
    leave: () => {
      stack = []
    },
  })
}
