import assert from 'node:assert/strict'
import { systemClock } from '../../../base/clock.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { openLedger } from '../../../chain/localnet/ledger/open.ts'
import { levelStore } from '../../../chain/localnet/ledger/store/level.ts'
import { EnumValue, type MoveType, type Value, type Vm } from '../../../chain/localnet/vm/index.ts'
import { devnetLayout } from '../../../node/devnet/layout.ts'

/** All that there ever was, in FROST: what `wal.move` mints once. */
const GENESIS = 5_000_000_000n * 10n ** 9n
/** far more than a test pays for storage */
const MOST_BURNED = 10n ** 9n
const BALANCE = /^0x0*2::balance::Balance<0x[0-9a-f]+::wal::WAL>$/
const SUPPLY = /^0x0*2::balance::Supply<0x[0-9a-f]+::wal::WAL>$/

/**
 * What is in wallets, stakes, pools and the system, added up object by object, is what the treasury says there is: what was minted,
 * less what was burned of payments. Of a devnet that is closed.
 */
export async function expectWalConserved(dir: string): Promise<void> {
  const store = await levelStore(devnetLayout(dir).ledger)
  try {
    const framework = loadBuild('framework').modules
    const { objects, vm } = await openLedger({ clock: systemClock, store, framework })
    const where = new Map<string, bigint>()
    let supply: bigint | undefined
    for (const object of objects.all()) {
      if (object.kind !== 'move') continue
      const type = vm.types.fromTag(object.type)
      for (const { text, amount } of amounts(vm, type, vm.deserialize(type, object.contents))) {
        if (SUPPLY.test(text)) supply = amount
        else if (amount > 0n) where.set(nameOf(type), (where.get(nameOf(type)) ?? 0n) + amount)
      }
    }
    const sum = [...where.values()].reduce((all, amount) => all + amount, 0n)
    assert.equal(sum, supply, `${[...where].join(', ')}`)
    // of what an epoch's storage costs a part is burned
    assert.ok(supply !== undefined && supply < GENESIS && supply > GENESIS - MOST_BURNED, `${supply}`)
    for (const holder of ['Coin', 'StakedWal', 'Field'])
      assert.ok((where.get(holder) ?? 0n) > 0n, `none in a ${holder}`)
  } finally {
    await store.close()
  }
}

const nameOf = ({ text }: MoveType): string =>
  /::(\w+)(?:<|$)/.exec(text.split('<')[0]!)![1]!.replace(/.*::/, '')

/** Balances of WAL, and its supply, wherever they are in a value. */
function* amounts(vm: Vm, type: MoveType, value: Value): Iterable<{ text: string; amount: bigint }> {
  if (type.kind === 'vector') {
    for (const element of value as Value[]) yield* amounts(vm, type.element, element)
  } else if (type.kind === 'datatype') {
    const { text } = type
    if (BALANCE.test(text) || SUPPLY.test(text)) yield { text, amount: (value as bigint[])[0]! }
    else if (!(value instanceof EnumValue))
      for (const [i, field] of vm.fieldTypes(type).entries())
        yield* amounts(vm, field, (value as Value[])[i]!)
  }
}
