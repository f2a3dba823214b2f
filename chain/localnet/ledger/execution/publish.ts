import { fromBase64 } from '@mysten/sui/utils'
import { type LoadedPackage, publishable, Reference, type Value } from '../../vm/index.ts'
import { type Address, addressToBytes, parseAddress } from '../address.ts'
import { hash } from '../digest.ts'
import { LIMITS } from '../limits.ts'
import type { PackageObject } from '../object.ts'
import type { Argument } from './arguments.ts'
import { type Environment, type NewPackage, wellKnown } from './environment.ts'
import { fail } from './failure.ts'
import { txContextValue } from './move-call.ts'
import { checkUpgrade, isPolicy } from './upgrade-rules.ts'

export interface Publish {
  modules: string[]
  dependencies: string[]
}

export interface Upgrade extends Publish {
  package: string
  ticket: Argument
}

/** First version's ID -> version to use, from the dependencies that the command lists. */
function linkageOf(dependencies: readonly PackageObject[], self?: Address) {
  const linkage = new Map<Address, { id: Address; version: bigint }>()
  for (const { id, originalId, version } of dependencies) linkage.set(originalId, { id, version })
  for (const dependency of dependencies)
    for (const [originalId, needed] of dependency.linkage) {
      if (originalId === self) continue
      const used = linkage.get(originalId)
      if (used === undefined)
        throw fail(
          { PublishUpgradeMissingDependency: true },
          `${dependency.id} needs ${originalId}, which is not listed`,
        )
      if (used.version < needed.version)
        throw fail(
          { PublishUpgradeDependencyDowngrade: true },
          `${dependency.id} needs a newer ${originalId}`,
        )
    }
  return linkage
}

function dependencyPackages(env: Environment, ids: readonly string[]): PackageObject[] {
  return [...new Set(ids.map(parseAddress))].map(id => {
    const found = env.readPackage(id)
    if (found === undefined || found === 'not-a-package')
      throw fail({ PublishUpgradeMissingDependency: true }, `dependency ${id} is not a package`)
    return found
  })
}

function packageSize(made: Pick<NewPackage, 'modules' | 'typeOrigins' | 'linkage'>): number {
  let size = 0
  for (const [name, code] of made.modules) size += name.length + code.length
  for (const origin of made.typeOrigins) size += origin.module.length + origin.datatype.length + 32
  return size + made.linkage.size * (32 + 32 + 8)
}

interface LoadInput {
  id: Address
  originalId: Address
  version: bigint
  code: Uint8Array[]
  dependencies: readonly PackageObject[]
  typeOrigins?: ReadonlyMap<string, Address>
}

/** Loads the modules into the VM and notes the package, to be unloaded should the transaction fail. */
function load(env: Environment, input: LoadInput): LoadedPackage {
  const { id, originalId, version, code, dependencies, typeOrigins } = input
  const linkage = linkageOf(dependencies, originalId)
  const loaded = env.vm.loadPackage({
    id,
    originalId,
    modules: code,
    linkage: new Map([...linkage].map(([original, used]) => [original, used.id])),
    typeOrigins,
    meter: env.runtime.meter,
  })
  for (const module of loaded.modules.values())
    for (const dependency of module.dependencies)
      if (dependency !== originalId && !linkage.has(dependency)) {
        env.vm.unloadPackage(id)
        throw fail(
          { PublishUpgradeMissingDependency: true },
          `${module.name} needs ${dependency}, which is not listed`,
        )
      }
  const made: NewPackage = {
    kind: 'package',
    id,
    originalId,
    version,
    owner: { kind: 'immutable' },
    modules: new Map(
      [...loaded.modules.values()]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(module => [module.name, module.bytes]),
    ),
    typeOrigins: [...loaded.modules.values()].flatMap(module =>
      [...module.datatypes.keys()].map(datatype => ({
        module: module.name,
        datatype,
        package: loaded.typeOrigins.get(`${module.name}::${datatype}`) ?? id,
      })),
    ),
    linkage,
  }
  env.newPackages.push(made)
  const size = packageSize(made)
  if (size > LIMITS.maxMovePackageSizeBytes)
    throw fail(
      { MovePackageTooBig: { objectSize: size, maxObjectSize: LIMITS.maxMovePackageSizeBytes } },
      `The package has ${size} bytes, ${LIMITS.maxMovePackageSizeBytes} are allowed`,
    )
  return loaded
}

export function publish(env: Environment, command: Publish): void {
  const dependencies = dependencyPackages(env, command.dependencies)
  const id = env.runtime.freshId()
  const code = command.modules.map(module => publishable(fromBase64(module), id))
  const loaded = load(env, { id, originalId: id, version: 1n, code, dependencies })
  for (const module of loaded.modules.values()) runInit(env, loaded, module.name)
  const cap: Value = [[[env.runtime.freshId()]], [id], 1n, 0]
  env.args.addResults([{ type: wellKnown(env.vm).upgradeCap, value: cap }], false)
}

function runInit(env: Environment, loaded: LoadedPackage, module: string): void {
  const init = loaded.modules.get(module)?.functions.get('init')
  if (init === undefined) return
  const context = new Reference([txContextValue(env.runtime)], 0)
  env.runtime.emitter = { packageId: loaded.id, module }
  // with two parameters the first is the one-time witness, a struct with one bool that is never read
  env.vm.call(init, [], init.parameters.length === 2 ? [[true], context] : [context], env.runtime)
}

/** What an upgrade ticket's digest covers: hashes of the modules and IDs of the dependencies, sorted. */
export function packageDigest(modules: readonly Uint8Array[], dependencies: readonly Address[]): Uint8Array {
  const parts = [...modules.map(module => hash(module)), ...dependencies.map(addressToBytes)]
  return hash(...parts.sort(Buffer.compare))
}

export function upgrade(env: Environment, command: Upgrade): void {
  const { upgradeTicket, upgradeReceipt } = wellKnown(env.vm)
  const ticket = env.args.take(0, command.ticket, upgradeTicket) as [[Address], [Address], number, number[]]
  const [[cap], [ticketId], policy, ticketDigest] = ticket
  const packageId = parseAddress(command.package)
  const upgradeFailure = (upgradeError: object, message: string) =>
    fail({ PackageUpgradeError: { upgradeError: upgradeError as never } }, message)
  if (ticketId !== packageId)
    throw upgradeFailure(
      { PackageIDDoesNotMatch: { packageId, ticketId } },
      'The ticket is for another package',
    )
  const modules = command.modules.map(module => fromBase64(module))
  const dependencyIds = command.dependencies.map(parseAddress)
  const digest = packageDigest(modules, dependencyIds)
  if (Buffer.compare(digest, Uint8Array.from(ticketDigest)) !== 0)
    throw upgradeFailure({ DigestDoesNotMatch: { digest } }, 'The ticket is for other modules')
  const current = env.readPackage(packageId)
  if (current === undefined)
    throw upgradeFailure({ UnableToFetchPackage: { packageId } }, `${packageId} does not exist`)
  if (current === 'not-a-package')
    throw upgradeFailure({ NotAPackage: { objectId: packageId } }, `${packageId} is not a package`)
  if (!isPolicy(policy))
    throw upgradeFailure({ UnknownUpgradePolicy: { policy } }, `unknown upgrade policy ${policy}`)

  const dependencies = dependencyPackages(env, command.dependencies)
  const id = env.runtime.freshId()
  const code = modules.map(module => publishable(module, current.originalId))
  const problem = checkUpgrade(policy, [...current.modules.values()], code)
  if (problem !== undefined)
    throw upgradeFailure({ IncompatibleUpgrade: true }, `incompatible upgrade: ${problem}`)
  load(env, {
    id,
    originalId: current.originalId,
    version: current.version + 1n,
    code,
    dependencies,
    typeOrigins: new Map(
      current.typeOrigins.map(origin => [`${origin.module}::${origin.datatype}`, origin.package]),
    ),
  })
  env.args.addResults([{ type: upgradeReceipt, value: [[cap], [id]] }], false)
}
