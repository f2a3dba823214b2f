import type { CompiledModule } from '../format/module.ts'
import { malformed } from '../format/reader.ts'

function distinct(keys: Iterable<string | number>, what: string): void {
  const seen = new Set<string | number>()
  for (const key of keys) {
    if (seen.has(key)) throw malformed(`${what} ${key} occurs twice`)
    seen.add(key)
  }
}

const written = (entries: readonly object[]): string[] => entries.map(entry => JSON.stringify(entry))

/** What Move demands of a module's tables: nothing is there twice, and what a module declares it defines. */
export function checkDuplicates(module: CompiledModule): void {
  const { self, moduleHandles, datatypeHandles, functionHandles, structs, enums, functions } = module
  const names = (handles: readonly { module: number; name: string }[]): string[] =>
    handles.map(handle => `${handle.module}::${handle.name}`)
  const places = (handles: readonly { address: string; name: string }[]): string[] =>
    handles.map(({ address, name }) => `${address}::${name}`)
  distinct(places(moduleHandles), 'module handle')
  distinct(places(module.friends), 'friend')
  distinct(names(datatypeHandles), 'datatype handle')
  distinct(names(functionHandles), 'function handle')
  distinct(written(module.signatures), 'signature')
  distinct(
    module.constants.map(({ type, data }) => `${JSON.stringify(type)} ${Buffer.from(data).toString('hex')}`),
    'constant',
  )
  distinct(written(module.fieldHandles), 'field handle')
  distinct(written(module.structInstantiations), 'struct instantiation')
  distinct(written(module.functionInstantiations), 'function instantiation')
  distinct(written(module.fieldInstantiations), 'field instantiation')
  distinct(written(module.enumInstantiations), 'enum instantiation')

  const types = [...structs, ...enums].map(({ handle }) => handle)
  const bodies = functions.map(({ handle }) => handle)
  distinct(types, 'the definition of type')
  distinct(bodies, 'the definition of function')
  for (const { handle, fields } of structs) {
    if (fields?.length === 0) throw malformed(`struct ${datatypeHandles[handle]!.name} has no fields`)
    distinct(
      (fields ?? []).map(field => field.name),
      'field',
    )
  }
  for (const { handle, variants } of enums) {
    if (variants.length === 0) throw malformed(`enum ${datatypeHandles[handle]!.name} has no variants`)
    distinct(
      variants.map(variant => variant.name),
      'variant',
    )
    for (const { fields } of variants)
      distinct(
        fields.map(field => field.name),
        'field',
      )
  }
  const defined = (handles: readonly { module: number; name: string }[], by: readonly number[]): void => {
    const known = new Set(by)
    handles.forEach((handle, index) => {
      if (handle.module === self && !known.has(index)) throw malformed(`${handle.name} is not defined`)
    })
  }
  defined(datatypeHandles, types)
  defined(functionHandles, bodies)

  const own = moduleHandles[self]!
  for (const friend of module.friends)
    if (friend.address !== own.address || friend.name === own.name)
      throw malformed(`${friend.name} cannot be a friend`)
}
