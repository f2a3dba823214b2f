import type { CompiledModule, Token } from '../../../chain/localnet/vm/format/module.ts'
import { parseModule } from '../../../chain/localnet/vm/format/parse.ts'
import type { BoundType } from './bindings.ts'

export interface SurfaceFunction {
  name: string
  /** in the notation of the bindings' `argumentsTypes`; the transaction context is left out */
  parameters: (string | null)[]
}

export interface SurfaceModule {
  name: string
  types: BoundType[]
  /** what a transaction can call: public and entry functions */
  functions: SurfaceFunction[]
}

/** Types and callable functions of compiled modules. */
export function readSurface(modules: readonly Uint8Array[]): SurfaceModule[] {
  return modules.map(bytes => surfaceOf(parseModule(bytes))).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function surfaceOf(module: CompiledModule): SurfaceModule {
  const structs = module.structs.map(({ handle, fields = [] }) => ({
    name: module.datatypeHandles[handle]!.name,
    fields: fields.map(field => ({ name: field.name, type: fieldType(module, field.type) })),
  }))
  const enums = module.enums.map(({ handle, variants }) => ({
    name: module.datatypeHandles[handle]!.name,
    fields: variants.map(({ name, fields }) => ({
      name,
      type: fields.length === 0 ? null : fields.map(field => fieldType(module, field.type)).join(),
    })),
  }))
  const functions = module.functions
    .filter(({ visibility, isEntry }) => visibility === 'public' || isEntry)
    .map(({ handle }) => {
      const { name, parameters } = module.functionHandles[handle]!
      const types = module.signatures[parameters]!.map(token => argumentType(module, token))
      return { name, parameters: types.filter(type => type !== 'TxContext') }
    })
  return { name: module.moduleHandles[module.self]!.name, types: [...structs, ...enums], functions }
}

/** As `bindings.ts` writes the type of a field. */
function fieldType(module: CompiledModule, token: Token): string {
  switch (token.kind) {
    case 'vector':
      return `vector<${fieldType(module, token.element)}>`
    case 'datatype': {
      const { name } = module.datatypeHandles[token.handle]!
      if (name === 'UID' || name === 'ID') {
        return 'address'
      }
      if (name === 'Option' || name === 'VecMap') {
        const inner = token.typeArguments.map(argument => fieldType(module, argument))
        return `${name === 'Option' ? 'option' : name}<${inner.join(',')}>`
      }
      return name === 'String' ? 'string' : name
    }
    case 'reference':
    case 'parameter':
      return token.kind
    default:
      return token.kind
  }
}

const namedArguments = new Map([
  ['String', '0x1::string::String'],
  ['ID', '0x2::object::ID'],
  ['Clock', '0x2::clock::Clock'],
  ['TxContext', 'TxContext'],
])

function argumentType(module: CompiledModule, token: Token): string | null {
  switch (token.kind) {
    case 'reference':
      return argumentType(module, token.target)
    case 'vector': {
      const element = argumentType(module, token.element)
      return element == null ? null : `vector<${element}>`
    }
    case 'datatype':
      return namedArguments.get(module.datatypeHandles[token.handle]!.name) ?? null
    case 'parameter':
      return null
    default:
      return token.kind
  }
}
