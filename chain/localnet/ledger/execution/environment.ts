import type { MoveType, Vm } from '../../vm/index.ts'
import type { Address } from '../address.ts'
import type { PackageObject } from '../object.ts'
import type { Arguments } from './arguments.ts'
import type { ObjectRuntime } from './object-runtime.ts'

/** A package that this transaction published. */
export type NewPackage = Omit<PackageObject, 'digest' | 'version' | 'previousTransaction'> & {
  version: bigint
}

/** What one transaction's commands work on. */
export interface Environment {
  readonly vm: Vm
  readonly runtime: ObjectRuntime
  readonly args: Arguments
  /** off: any function may be called, any bytes may stand for any value */
  readonly checks: boolean
  readonly readPackage: (id: Address) => PackageObject | 'not-a-package' | undefined
  readonly newPackages: NewPackage[]
}

/** Types the executor names itself. */
export const wellKnown = (vm: Vm) => {
  const sui = (module: string, name: string, args: MoveType[] = []) =>
    vm.types.datatype(`0x${'2'.padStart(64, '0')}`, module, name, args)
  return {
    txContext: sui('tx_context', 'TxContext'),
    upgradeCap: sui('package', 'UpgradeCap'),
    upgradeTicket: sui('package', 'UpgradeTicket'),
    upgradeReceipt: sui('package', 'UpgradeReceipt'),
    u64: vm.types.primitive('u64'),
    address: vm.types.primitive('address'),
  }
}
