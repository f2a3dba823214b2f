import type { DatatypeHandle, FunctionHandle } from '../format/module.ts'
import { at } from '../format/parse.ts'
import { malformed } from '../format/reader.ts'
import type { FunctionImpl, ModuleImpl } from '../loaded.ts'
import type { MoveType } from '../types.ts'

const same = (a: readonly MoveType[], b: readonly MoveType[]): boolean =>
  a.length === b.length && a.every((type, i) => type === b[i])

function isVisible(from: ModuleImpl, callee: FunctionImpl): boolean {
  if (callee.visibility === 'public' || callee.module === from) return true
  if (callee.visibility === 'private') return false
  return callee.module.compiled.friends.some(
    friend => friend.address === from.package.originalId && friend.name === from.name,
  )
}

/** The function behind a handle of a module; its declaration must be what the handle says, and visible. */
export function importedFunction(from: ModuleImpl, handle: FunctionHandle): FunctionImpl {
  const { address, name } = at(from.compiled.moduleHandles, handle.module, 'module handle')
  const callee = from.package.module(address, name).functions.get(handle.name)
  if (callee === undefined) throw malformed(`no function ${address}::${name}::${handle.name}`)
  if (
    !same(callee.parameters, from.signature(handle.parameters)) ||
    !same(callee.returns, from.signature(handle.returns)) ||
    callee.typeParameters.length !== handle.typeParameters.length ||
    callee.typeParameters.some((constraints, i) => (constraints & ~handle.typeParameters[i]!) !== 0)
  )
    throw malformed(`${callee.name} is not what the module takes it for`)
  if (!isVisible(from, callee)) throw malformed(`${callee.name} is not visible`)
  return callee
}

/** A module may take a type for less than it is, not for more. */
function checkDatatype(handle: DatatypeHandle, declared: DatatypeHandle): void {
  const fits =
    (handle.abilities & ~declared.abilities) === 0 &&
    handle.typeParameters.length === declared.typeParameters.length &&
    handle.typeParameters.every(({ constraints, isPhantom }, i) => {
      const parameter = declared.typeParameters[i]!
      return (parameter.constraints & ~constraints) === 0 && (parameter.isPhantom || !isPhantom)
    })
  if (!fits) throw malformed(`${handle.name} is not what the module takes it for`)
}

/** What a module names of others is there, as it says, whether its code uses it or not. */
export function checkImports(module: ModuleImpl): void {
  const { compiled, package: owner } = module
  const moduleOf = (index: number): ModuleImpl => {
    const { address, name } = at(compiled.moduleHandles, index, 'module handle')
    return owner.module(address, name)
  }
  compiled.moduleHandles.forEach((_handle, index) => {
    moduleOf(index)
  })
  for (const handle of compiled.datatypeHandles) {
    if (handle.module === compiled.self) continue
    const declaring = moduleOf(handle.module).compiled
    const declared = [...declaring.structs, ...declaring.enums]
      .map(definition => declaring.datatypeHandles[definition.handle]!)
      .find(({ name }) => name === handle.name)
    if (declared === undefined) throw malformed(`type ${handle.name} does not exist`)
    checkDatatype(handle, declared)
  }
  for (const handle of compiled.functionHandles)
    if (handle.module !== compiled.self) importedFunction(module, handle)
}
