import type { FunctionImpl } from '../loaded.ts'
import type { MoveType } from '../types.ts'
import type { Scope } from './scope.ts'

const framework = `0x${'2'.padStart(64, '0')}`

/** Functions of the framework whose first type argument must be a type of the calling module. */
const privateFunctions: Readonly<Record<string, ReadonlySet<string>>> = {
  transfer: new Set(['transfer', 'party_transfer', 'freeze_object', 'share_object', 'receive']),
  event: new Set(['emit', 'emit_authenticated']),
}

/** Sui's rule that only the module of a type may transfer it without `store`, or emit it as an event. */
export function checkPrivateGenerics(
  scope: Scope,
  callee: FunctionImpl,
  typeArguments: readonly MoveType[],
): void {
  const { module } = callee
  if (module.package.originalId !== framework || !privateFunctions[module.name]?.has(callee.name)) return
  // the framework's own tests and wrappers live beside the functions
  if (scope.module.package.originalId === framework) return
  const [type] = typeArguments
  const own =
    type?.kind === 'datatype' &&
    type.module === scope.module.name &&
    scope.module.package.typeOrigins.get(`${type.module}::${type.name}`) === type.address
  if (!own) throw scope.fail(`${module.name}::${callee.name} is only for types of the calling module`)
}
