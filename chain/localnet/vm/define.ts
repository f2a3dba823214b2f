import type { Definitions } from './definitions.ts'
import type { DatatypeHandle, FieldToken } from './format/module.ts'
import { at } from './format/parse.ts'
import { malformed } from './format/reader.ts'
import { FunctionImpl, type ModuleImpl, type PackageImpl } from './loaded.ts'
import type { DatatypeDefinition, Field } from './types.ts'

/** Fills a module's table of functions. */
export function defineFunctions(module: ModuleImpl): void {
  module.compiled.functions.forEach((definition, index) => {
    const fn = new FunctionImpl(module, index, definition)
    if (module.functions.has(fn.name)) throw malformed(`function ${module.name}::${fn.name} occurs twice`)
    module.functions.set(fn.name, fn)
  })
}

/** Makes a package's structs and enums known; returns those that were new. */
export function defineDatatypes(loaded: PackageImpl, definitions: Definitions): DatatypeDefinition[] {
  const added: DatatypeDefinition[] = []
  for (const module of loaded.modules.values())
    for (const definition of moduleDatatypes(module)) {
      if (module.datatypes.has(definition.name))
        throw malformed(`type ${module.name}::${definition.name} occurs twice`)
      module.datatypes.set(definition.name, definition)
    }
  for (const module of loaded.modules.values())
    for (const definition of module.datatypes.values())
      if (definitions.add(definition)) added.push(definition)
  return added
}

function moduleDatatypes(module: ModuleImpl): DatatypeDefinition[] {
  const { compiled } = module
  const head = (index: number) => {
    const handle: DatatypeHandle = at(compiled.datatypeHandles, index, 'datatype handle')
    if (handle.module !== compiled.self) throw malformed('a type of another module is defined')
    return {
      address: module.package.typeOrigins.get(`${module.name}::${handle.name}`)!,
      module: module.name,
      name: handle.name,
      abilities: handle.abilities,
      typeParameters: handle.typeParameters,
    }
  }
  const fields = (tokens: readonly FieldToken[]): Field[] =>
    tokens.map(({ name, type }) => ({ name, type: module.type(type) }))
  const structs = compiled.structs.map(({ handle, fields: tokens }) => ({
    ...head(handle),
    fields: fields(tokens ?? []),
  }))
  const enums = compiled.enums.map(({ handle, variants }) => ({
    ...head(handle),
    variants: variants.map(variant => ({ name: variant.name, fields: fields(variant.fields) })),
  }))
  return [...structs, ...enums]
}
