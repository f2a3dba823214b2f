import { Reference, type Vm } from '../vm/index.ts'
import { type Address, SYSTEM } from './address.ts'
import { LedgerError } from './errors.ts'
import type { LoadedTransaction } from './execution/inputs.ts'
import { ObjectRuntime } from './execution/object-runtime.ts'
import { systemContext } from './genesis.ts'
import { coinTypeOf, type LedgerObject } from './object.ts'

type Read = (id: Address) => LedgerObject | undefined

/**
 * Regulated coins are not for addresses that their issuer denied them: not as inputs, and not out of funds. As on Sui
 * this holds as soon as it is written; that they cannot be received either begins with the next epoch.
 * @throws LedgerError INVALID_ARGUMENT
 */
export function checkDenied(vm: Vm, read: Read, { inputs }: LoadedTransaction, sender: Address): void {
  const list = read(SYSTEM.denyList)
  // as genesis made it: nothing was ever denied
  if (list?.kind !== 'move' || list.version === 1n) return
  const uses = new Map<string, { owner: Address; coinType: string }>()
  for (const entry of inputs) {
    const coinType = 'object' in entry ? coinTypeOf(entry.object.type) : undefined
    const use =
      entry.kind === 'withdrawal' ? entry : coinType === undefined ? undefined : { owner: sender, coinType }
    if (use !== undefined) uses.set(`${use.owner} ${use.coinType}`, use)
  }
  if (uses.size === 0) return
  const value = vm.deserialize(vm.types.fromTag(list.type), list.contents)
  const ask = (name: string, coinType: string, ...args: Address[]): boolean => {
    const runtime = new ObjectRuntime(
      vm,
      id => {
        const found = read(id)
        return found?.kind === 'move' ? found : undefined
      },
      systemContext('deny list', 0n, 0n),
    )
    const fn = vm.function(SYSTEM.sui, 'coin', name)
    const [answer] = vm.call(fn, [vm.types.fromTag(coinType)], [new Reference([value], 0), ...args], runtime)
    return answer as boolean
  }
  for (const { owner, coinType } of uses.values()) {
    if (ask('deny_list_v2_is_global_pause_enabled_next_epoch', coinType))
      refuse(`Coin type is globally paused for use: ${coinType}`)
    if (
      ask('deny_list_v2_contains_next_epoch', coinType, owner) ||
      ask('deny_list_contains', coinType, owner)
    )
      refuse(`Address ${owner} is denied for coin ${coinType}`)
  }
}

const refuse = (message: string): never => {
  throw new LedgerError('INVALID_ARGUMENT', message)
}
