import { HAS_KEY, STORABLE } from '../abilities.ts'
import { deserialize } from '../bcs.ts'
import type { Definitions } from '../definitions.ts'
import { malformed } from '../format/reader.ts'
import type { ModuleImpl, PackageImpl } from '../loaded.ts'
import type { Meter } from '../meter.ts'
import { isConstant } from '../translate/handlers/calls.ts'
import type { DatatypeDefinition, Field, MoveType } from '../types.ts'
import { checkImports } from './imports.ts'
import { checkInstantiationLoops } from './instantiation-loops.ts'
import { checkFunctions, checkKey } from './sui-rules.ts'

const MAX_NESTING = 128
/** To look at one part of a type in every way below. */
const TYPE_STEPS = 20

const fieldsOf = (definition: DatatypeDefinition): readonly Field[] =>
  definition.fields ?? definition.variants!.flatMap(variant => variant.fields)

/** Rules about a package's types and modules; the code is checked by `translate`. */
export function verifyPackage(loaded: PackageImpl, definitions: Definitions, meter: Meter): void {
  const depths = new Map<DatatypeDefinition, number>()
  for (const module of loaded.modules.values()) {
    for (const definition of module.datatypes.values()) {
      for (const { type } of fieldsOf(definition)) meter.charge(TYPE_STEPS * type.nodes)
      checkFields(definition, definitions)
      checkPhantoms(definition, definitions)
      checkKey(definition)
      checkNesting(definition, definitions, depths)
    }
    checkFunctions(module)
    checkConstants(module, definitions)
    checkInstantiationLoops(module.compiled, meter)
    checkImports(module)
    for (const fn of module.functions.values())
      for (const type of [...fn.parameters, ...fn.returns]) {
        meter.charge(TYPE_STEPS * type.nodes)
        const problem = definitions.problem(type, fn.typeParameters)
        if (problem !== undefined) throw malformed(`bad type in the signature of ${module.name}::${fn.name}`)
      }
  }
  checkCycles(loaded)
}

/** Fields must have the abilities that their type claims (for key: store). */
function checkFields(definition: DatatypeDefinition, definitions: Definitions): void {
  const claimed = definition.abilities
  const needed = (claimed & ~HAS_KEY) | ((claimed & HAS_KEY) !== 0 ? STORABLE : 0)
  // type parameters count as having what the type claims: an instantiation that lacks it, lacks it as a whole
  const scope = definition.typeParameters.map(parameter => parameter.constraints | needed)
  const declared = definition.typeParameters.map(parameter => parameter.constraints)
  for (const field of fieldsOf(definition)) {
    if (field.type.kind === 'reference' || definitions.problem(field.type, declared) !== undefined)
      throw malformed(`field ${definition.name}.${field.name} has a bad type`)
    if ((definitions.abilities(field.type, scope) & needed) !== needed)
      throw malformed(`field ${definition.name}.${field.name} lacks an ability`)
  }
}

/** A phantom parameter does not count for a type's abilities, so no field may hold a value of it. */
function checkPhantoms(definition: DatatypeDefinition, definitions: Definitions): void {
  const holdsPhantom = (type: MoveType): boolean => {
    switch (type.kind) {
      case 'parameter':
        return definition.typeParameters[type.index]!.isPhantom
      case 'vector':
        return holdsPhantom(type.element)
      case 'datatype': {
        const { typeParameters } = definitions.get(type)
        return type.typeArguments.some(
          (argument, i) => !typeParameters[i]!.isPhantom && holdsPhantom(argument),
        )
      }
      default:
        return false
    }
  }
  for (const field of fieldsOf(definition))
    if (holdsPhantom(field.type)) throw malformed(`field ${definition.name}.${field.name} holds a phantom`)
}

/** No type may hold itself, nor nest too deep. */
function checkNesting(
  definition: DatatypeDefinition,
  definitions: Definitions,
  depths: Map<DatatypeDefinition, number>,
): void {
  const open = new Set<DatatypeDefinition>()
  const depthOfType = (type: MoveType): number => {
    if (type.kind === 'vector') return 1 + depthOfType(type.element)
    if (type.kind !== 'datatype') return 1
    return Math.max(
      depthOf(definitions.get(type)),
      ...type.typeArguments.map(argument => 1 + depthOfType(argument)),
    )
  }
  const depthOf = (inner: DatatypeDefinition): number => {
    const known = depths.get(inner)
    if (known !== undefined) return known
    if (open.has(inner)) throw malformed(`type ${definition.name} holds itself`)
    if (open.size >= MAX_NESTING) throw malformed(`type ${definition.name} nests too deep`)
    open.add(inner)
    const depth = 1 + Math.max(0, ...fieldsOf(inner).map(field => depthOfType(field.type)))
    open.delete(inner)
    depths.set(inner, depth)
    return depth
  }
  if (depthOf(definition) > MAX_NESTING) throw malformed(`type ${definition.name} nests too deep`)
}

/** Modules of a package must not depend on each other in a circle. */
function checkCycles(loaded: PackageImpl): void {
  const done = new Set<ModuleImpl>()
  const open = new Set<ModuleImpl>()
  const visit = (module: ModuleImpl): void => {
    if (done.has(module)) return
    if (open.has(module)) throw malformed(`module ${module.name} depends on itself`)
    open.add(module)
    for (const { address, name } of module.compiled.moduleHandles) {
      const used = address === loaded.originalId ? loaded.modules.get(name) : undefined
      if (used !== undefined && used !== module) visit(used)
    }
    open.delete(module)
    done.add(module)
  }
  for (const module of loaded.modules.values()) visit(module)
}

/** Constants are of primitive types or vectors of them, and their bytes are values, whether code uses them or not. */
function checkConstants(module: ModuleImpl, definitions: Definitions): void {
  for (const { type: token, data } of module.compiled.constants) {
    const type = module.type(token)
    if (!isConstant(type)) throw malformed('a constant of this type is not allowed')
    deserialize(definitions, type, data)
  }
}
