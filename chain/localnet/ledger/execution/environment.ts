import type { MoveType, Vm } from '../../vm/index.ts'
import { type Address, SYSTEM } from '../address.ts'
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

const suiDatatype =
  (vm: Vm) =>
  (module: string, name: string, args: MoveType[] = []): MoveType =>
    vm.types.datatype(SYSTEM.sui, module, name, args)

/** Types of a currency; throws VmError. */
export const currencyTypes = (vm: Vm, coinType: string) => {
  const sui = suiDatatype(vm)
  const currency = vm.types.fromTag(coinType)
  const balance = sui('balance', 'Balance', [currency])
  return {
    coin: sui('coin', 'Coin', [currency]),
    balance,
    withdrawal: sui('funds_accumulator', 'Withdrawal', [balance]),
  }
}

/** Types the executor names itself. */
export const wellKnown = (vm: Vm) => {
  const sui = suiDatatype(vm)
  return {
    txContext: sui('tx_context', 'TxContext'),
    upgradeCap: sui('package', 'UpgradeCap'),
    upgradeTicket: sui('package', 'UpgradeTicket'),
    upgradeReceipt: sui('package', 'UpgradeReceipt'),
    u64: vm.types.primitive('u64'),
    address: vm.types.primitive('address'),
  }
}
