import type { FunctionImpl } from '../loaded.ts'
import type { MoveType } from '../types.ts'
import type { Scope } from './scope.ts'

const STD = `0x${'1'.padStart(64, '0')}`
const FRAMEWORK = `0x${'2'.padStart(64, '0')}`

/** Functions of the system packages whose first type argument must be a type of the calling module. */
const PRIVATE_FUNCTIONS: Readonly<Record<string, ReadonlySet<string>>> = {
  transfer: new Set(['transfer', 'party_transfer', 'freeze_object', 'share_object', 'receive']),
  event: new Set(['emit', 'emit_authenticated']),
  coin_registry: new Set(['new_currency']),
}
const isPrivate = ({ module, name }: FunctionImpl): boolean =>
  module.package.originalId === FRAMEWORK
    ? PRIVATE_FUNCTIONS[module.name]?.has(name) === true
    : module.package.originalId === STD && module.name === 'internal' && name === 'permit'

/** Sui's rule that only the module of a type may transfer it without `store`, emit it as an event and the like. */
export function checkPrivateGenerics(
  scope: Scope,
  callee: FunctionImpl,
  typeArguments: readonly MoveType[],
): void {
  const { module } = callee
  if (!isPrivate(callee)) return
  // the framework's own tests and wrappers live beside the functions
  if (scope.module.package.originalId === FRAMEWORK) return
  const [type] = typeArguments
  const own =
    type?.kind === 'datatype' &&
    type.module === scope.module.name &&
    scope.module.package.typeOrigins.get(`${type.module}::${type.name}`) === type.address
  if (!own) throw scope.fail(`${module.name}::${callee.name} is only for types of the calling module`)
}
