import { toBase58 } from '@mysten/sui/utils'
import { parseModule } from '../vm/format/parse.ts'
import type { Value, Vm } from '../vm/index.ts'
import { type Address, addressToBytes, SYSTEM } from './address.ts'
import { hash } from './digest.ts'
import type { TransactionContext } from './execution/object-runtime.ts'
import { type SystemCall, systemCall } from './execution/system-call.ts'
import { REFERENCE_GAS_PRICE } from './limits.ts'
import { type LedgerObject, type PackageObject, SUI_COIN_TYPE, sealMove, sealPackage } from './object.ts'
import { PROTOCOL_VERSION, STAKE_SUBSIDY, SYSTEM_PARAMETERS, VALIDATOR_ADDRESS } from './system-state.ts'

const text = new TextEncoder()

/** Stands where system objects name the transaction that made them. */
export const GENESIS_DIGEST = toBase58(hash(text.encode('floe localnet genesis')))

/** Whose coins the faucet gives away; nobody has its key. */
export const FAUCET_ADDRESS: Address = `0x${Buffer.from(hash(text.encode('floe localnet faucet'))).toString('hex')}`

const FAUCET_SUPPLY_MIST = 9_000_000_000_000_000_000n

/** The packages 0x1, 0x2 and 0x3 out of the framework's modules. */
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
  const below: Address[] = []
  return [SYSTEM.std, SYSTEM.sui, SYSTEM.suiSystem].map(id => {
    const linkage = new Map(below.map(used => [used, { id: used, version: 1n }]))
    below.push(id)
    return sealPackage({
      id,
      originalId: id,
      version: 1n,
      owner: { kind: 'immutable' },
      previousTransaction: GENESIS_DIGEST,
      modules: new Map([...(byAddress.get(id) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))),
      typeOrigins: types.filter(origin => origin.package === id),
      linkage,
    })
  })
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

/** The sender that makes and updates system objects. */
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

/** Objects at fixed IDs, and how each is made. */
const FIXED_OBJECTS: readonly { id: Address; module: string }[] = [
  { id: SYSTEM.clock, module: 'clock' },
  { id: SYSTEM.random, module: 'random' },
  { id: SYSTEM.denyList, module: 'deny_list' },
  { id: SYSTEM.accumulatorRoot, module: 'accumulator' },
  { id: SYSTEM.coinRegistry, module: 'coin_registry' },
  { id: SYSTEM.displayRegistry, module: 'display_registry' },
]

/** The system objects that `has` does not know yet; the framework is in the VM. */
export function systemObjects(vm: Vm, has: (id: Address) => boolean, genesisMs: number): LedgerObject[] {
  const system = (target: SystemCall['target'], args: Value[] = []): LedgerObject[] =>
    systemCall({
      vm,
      read: () => undefined,
      context: systemContext(`genesis ${target.module}`, 0n, 0n),
      target,
      args,
      previousTransaction: GENESIS_DIGEST,
    })
  const missing = FIXED_OBJECTS.filter(({ id }) => !has(id))
  const made = missing.flatMap(({ module }) => system({ module, function: 'create' }))
  // the older ledgers that lack the registry lack SUI's metadata, too
  if (!has(SYSTEM.coinRegistry)) made.push(...system({ module: 'sui', function: 'new' }))
  if (has(SYSTEM.systemState)) return made
  const state = { package: SYSTEM.suiSystem, module: 'sui_system', function: 'genesis' }
  const uid: Value = [[SYSTEM.systemState]]
  return [
    ...made,
    ...system(state, [
      uid,
      VALIDATOR_ADDRESS,
      PROTOCOL_VERSION,
      BigInt(genesisMs),
      REFERENCE_GAS_PRICE,
      Object.values(SYSTEM_PARAMETERS),
      Object.values(STAKE_SUBSIDY),
    ]),
  ]
}

/** The objects of a new chain; the framework is loaded into the VM. */
export function genesisObjects(vm: Vm, framework: readonly Uint8Array[], genesisMs: number): LedgerObject[] {
  const packages = frameworkPackages(framework)
  for (const code of packages) loadIntoVm(vm, code)
  const id = `0x${Buffer.from(hash(text.encode('floe localnet faucet coin'))).toString('hex')}`
  const contents = new Uint8Array(40)
  contents.set(addressToBytes(id))
  new DataView(contents.buffer).setBigUint64(32, FAUCET_SUPPLY_MIST, true)
  const coin = sealMove({
    id,
    version: 1n,
    owner: { kind: 'address', address: FAUCET_ADDRESS },
    previousTransaction: GENESIS_DIGEST,
    type: SUI_COIN_TYPE,
    hasPublicTransfer: true,
    contents,
  })
  return [...packages, ...systemObjects(vm, () => false, genesisMs), coin]
}

/** An older chain's system packages, replaced by the framework of this program as far as it is another one. */
export function upgradedPackages(
  stored: ReadonlyMap<Address, PackageObject>,
  framework: readonly Uint8Array[],
): PackageObject[] {
  return frameworkPackages(framework).flatMap(code => {
    const before = stored.get(code.id)
    if (before === undefined) return [code]
    const isSame =
      before.modules.size === code.modules.size &&
      [...code.modules].every(
        ([name, bytes]) => Buffer.compare(bytes, before.modules.get(name) ?? new Uint8Array(0)) === 0,
      )
    return isSame ? [] : [sealPackage({ ...code, version: before.version + 1n })]
  })
}
