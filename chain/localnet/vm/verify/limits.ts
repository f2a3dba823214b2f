import type { CompiledModule, Token } from '../format/module.ts'
import { malformed } from '../format/reader.ts'

/** Sui's limits on modules, by the names of its protocol config. */
const LIMITS = {
  maxGenericInstantiationLength: 32,
  maxFunctionParameters: 128,
  maxTypeNodes: 256,
  maxFunctionDefinitions: 1000,
  maxDataDefinitions: 200,
  maxFieldsInStruct: 32, // and in all variants of an enum together
}

/** Datatypes and type parameters weigh more than others. */
function weight(type: Token): number {
  switch (type.kind) {
    case 'vector':
      return 1 + weight(type.element)
    case 'reference':
      return 1 + weight(type.target)
    case 'datatype':
      return type.typeArguments.reduce((sum, argument) => sum + weight(argument), 4)
    case 'parameter':
      return 4
    default:
      return 1
  }
}

export function checkLimits(module: CompiledModule): void {
  const atMost = (limit: number, actual: number, what: string): void => {
    if (actual > limit) throw malformed(`${actual} ${what}, ${limit} are allowed`)
  }
  const types = (tokens: readonly Token[]): void => {
    for (const token of tokens) atMost(LIMITS.maxTypeNodes, weight(token), 'parts of a type')
  }
  atMost(LIMITS.maxFunctionDefinitions, module.functions.length, 'functions')
  atMost(LIMITS.maxDataDefinitions, module.structs.length + module.enums.length, 'types')
  for (const { typeParameters } of [...module.datatypeHandles, ...module.functionHandles])
    atMost(LIMITS.maxGenericInstantiationLength, typeParameters.length, 'type parameters')
  for (const { parameters } of module.functionHandles)
    atMost(LIMITS.maxFunctionParameters, module.signatures[parameters]!.length, 'parameters')
  module.signatures.forEach(types)
  types(module.constants.map(constant => constant.type))
  const fields = [
    ...module.structs.map(struct => struct.fields ?? []),
    ...module.enums.map(({ variants }) => variants.flatMap(variant => variant.fields)),
  ]
  for (const list of fields) {
    atMost(LIMITS.maxFieldsInStruct, list.length, 'fields')
    types(list.map(field => field.type))
  }
}
