import { type MoveType, Reference, type Value, type Vm } from '../../vm/index.ts'
import { type Address, SYSTEM } from '../address.ts'
import type { Digest } from '../digest.ts'
import { type LedgerObject, type MoveObject, type Owner, sealMove } from '../object.ts'
import { ABILITIES } from './arguments.ts'
import { wellKnown } from './environment.ts'
import { txContextValue } from './move-call.ts'
import { ObjectRuntime, type TransactionContext } from './object-runtime.ts'

export interface SystemCall {
  vm: Vm
  read: (id: Address) => LedgerObject | undefined
  context: TransactionContext
  /** a function of the framework, of any visibility */
  target: { package?: Address; module: string; function: string }
  /** passed by mutable reference as the first argument */
  object?: MoveObject
  args?: Value[]
  previousTransaction: Digest
}

/** Lets Move code of the framework make or update system objects; answers what it wrote. */
export function systemCall(call: SystemCall): LedgerObject[] {
  const { vm, object, args = [], previousTransaction } = call
  const runtime = new ObjectRuntime(
    vm,
    id => {
      const found = call.read(id)
      return found?.kind === 'move' ? found : undefined
    },
    call.context,
  )
  const fn = vm.function(call.target.package ?? SYSTEM.sui, call.target.module, call.target.function)
  const { txContext } = wellKnown(vm)
  const type = object && vm.types.fromTag(object.type)
  const cell = object !== undefined && type !== undefined ? [vm.deserialize(type, object.contents)] : []
  const values: Value[] = object !== undefined ? [new Reference(cell, 0), ...args] : [...args]
  if (fn.parameters.some(parameter => parameter.kind === 'reference' && parameter.target === txContext))
    values.push(new Reference([txContextValue(runtime)], 0))
  vm.call(fn, [], values, runtime)

  const version = (object?.version ?? 0n) + 1n
  const seal = (id: Address, type: MoveType, value: Value, owner: Owner): MoveObject =>
    sealMove({
      id,
      version,
      owner:
        owner.kind === 'shared' && owner.initialVersion === 0n
          ? { ...owner, initialVersion: version }
          : owner,
      previousTransaction,
      type: type.text,
      hasPublicTransfer: (vm.abilities(type) & ABILITIES.store) !== 0,
      contents: vm.serialize(type, value),
    })
  const written: LedgerObject[] = []
  if (object !== undefined && type !== undefined) written.push(seal(object.id, type, cell[0]!, object.owner))
  for (const [id, placed] of runtime.placed) written.push(seal(id, placed.type, placed.value, placed.owner))
  for (const [id, child] of runtime.children)
    if (child.touched && child.cell.length > 0)
      written.push(seal(id, child.type, child.cell[0]!, { kind: 'object', address: child.parent }))
  return written
}
