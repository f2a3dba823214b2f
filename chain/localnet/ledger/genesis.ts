import { toBase58 } from '@mysten/sui/utils'
import { parseModule } from '../vm/format/parse.ts'
import type { Vm } from '../vm/index.ts'
import { type Address, addressToBytes, SYSTEM } from './address.ts'
import { hash } from './digest.ts'
import type { TransactionContext } from './execution/object-runtime.ts'
import { systemCall } from './execution/system-call.ts'
import { REFERENCE_GAS_PRICE } from './limits.ts'
import { type LedgerObject, type PackageObject, sealMove, sealPackage, suiCoinType } from './object.ts'

const text = new TextEncoder()

/** Stands where system objects name the transaction that made them. */
export const GENESIS_DIGEST = toBase58(hash(text.encode('floe localnet genesis')))

/** Whose coins the faucet gives away; nobody has its key. */
export const FAUCET_ADDRESS: Address = `0x${Buffer.from(hash(text.encode('floe localnet faucet'))).toString('hex')}`

const faucetSupplyMist = 9_000_000_000_000_000_000n

/** The packages 0x1 and 0x2 out of the framework's modules. */
export function frameworkPackages(modules: readonly Uint8Array[]): PackageObject[] {
  const byAddress = new Map<Address, Map<string, Uint8Array>>()
  const types: { module: string; datatype: string; package: Address }[] = []
  for (const bytes of modules) {
    const module = parseModule(bytes)
    const self = module.moduleHandles[module.self]!
    const group = byAddress.get(self.address) ?? new Map<string, Uint8Array>()
    group.set(self.name, bytes)
    byAddress.set(self.address, group)
    for (const handle of module.datatypeHandles)
      if (handle.module === module.self)
        types.push({ module: self.name, datatype: handle.name, package: self.address })
  }
  return [SYSTEM.std, SYSTEM.sui].map(id =>
    sealPackage({
      id,
      originalId: id,
      version: 1n,
      owner: { kind: 'immutable' },
      previousTransaction: GENESIS_DIGEST,
      modules: new Map([...(byAddress.get(id) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))),
      typeOrigins: types.filter(origin => origin.package === id),
      linkage: new Map(id === SYSTEM.sui ? [[SYSTEM.std, { id: SYSTEM.std, version: 1n }]] : []),
    }),
  )
}

export const loadIntoVm = (
  vm: Vm,
  { id, originalId, modules, linkage, typeOrigins }: PackageObject,
): void => {
  vm.loadPackage({
    id,
    originalId,
    modules: [...modules.values()],
    linkage: new Map([...linkage].map(([original, used]) => [original, used.id])),
    typeOrigins: new Map(typeOrigins.map(origin => [`${origin.module}::${origin.datatype}`, origin.package])),
    trusted: true,
  })
}

/** Who makes and updates system objects. */
export const systemContext = (seed: string, epoch: bigint, epochTimestampMs: bigint): TransactionContext => ({
  sender: SYSTEM.zero,
  sponsor: undefined,
  epoch,
  epochTimestampMs,
  gasPrice: REFERENCE_GAS_PRICE,
  referenceGasPrice: REFERENCE_GAS_PRICE,
  gasBudget: 0n,
  digest: hash(text.encode(`floe localnet system ${seed}`)),
})

/** The objects of a new chain; the framework is loaded into the VM. */
export function genesisObjects(vm: Vm, framework: readonly Uint8Array[]): LedgerObject[] {
  const packages = frameworkPackages(framework)
  for (const code of packages) loadIntoVm(vm, code)
  const system = (module: string, fn: string): LedgerObject[] =>
    systemCall({
      vm,
      read: () => undefined,
      context: systemContext(`genesis ${module}`, 0n, 0n),
      target: { module, function: fn },
      previousTransaction: GENESIS_DIGEST,
    })
  const create = (module: string) => system(module, 'create')
  const id = `0x${Buffer.from(hash(text.encode('floe localnet faucet coin'))).toString('hex')}`
  const contents = new Uint8Array(40)
  contents.set(addressToBytes(id))
  new DataView(contents.buffer).setBigUint64(32, faucetSupplyMist, true)
  const coin = sealMove({
    id,
    version: 1n,
    owner: { kind: 'address', address: FAUCET_ADDRESS },
    previousTransaction: GENESIS_DIGEST,
    type: suiCoinType,
    hasPublicTransfer: true,
    contents,
  })
  const made = ['clock', 'random', 'deny_list', 'accumulator', 'coin_registry', 'display_registry']
  return [...packages, ...made.flatMap(create), ...system('sui', 'new'), coin]
}
