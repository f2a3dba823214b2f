import { DROPPABLE } from './abilities.ts'
import type { Definitions } from './definitions.ts'
import type { MoveType } from './types.ts'

/** Sui: a struct with drop only, named like its module in capitals, whose only field is a bool. */
export function isOneTimeWitness(definitions: Pick<Definitions, 'find'>, type: MoveType): boolean {
  if (type.kind !== 'datatype' || type.typeArguments.length > 0) return false
  if (type.name !== type.module.toUpperCase()) return false
  const definition = definitions.find(type)
  const [field, ...others] = definition?.fields ?? []
  return definition?.abilities === DROPPABLE && field?.type.kind === 'bool' && others.length === 0
}
