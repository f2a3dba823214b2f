import type { CompiledModule, FunctionDefinition, Token } from './format/module.ts'
import { at } from './format/parse.ts'
import { malformed } from './format/reader.ts'
import type {
  Abilities,
  Address,
  DatatypeDefinition,
  DatatypeType,
  LoadedFunction,
  LoadedModule,
  LoadedPackage,
  MoveType,
  NativeFunction,
  TypeTable,
  Visibility,
} from './types.ts'
import type { Value } from './values.ts'

/** What a module asks of the VM to find the packages that it names. */
export interface Linker {
  readonly types: TypeTable
  /** The package behind a runtime ID, as `from` is linked. */
  resolve(from: PackageImpl, originalId: Address): PackageImpl
}

/** One version of a package, linked in one way. */
export class PackageImpl implements LoadedPackage {
  readonly id: Address
  readonly originalId: Address
  readonly linkage: ReadonlyMap<Address, Address>
  readonly typeOrigins: ReadonlyMap<string, Address>
  readonly modules = new Map<string, ModuleImpl>()
  readonly linker: Linker
  readonly #resolved = new Map<Address, PackageImpl>()

  constructor(
    linker: Linker,
    id: Address,
    originalId: Address,
    linkage: ReadonlyMap<Address, Address>,
    typeOrigins: ReadonlyMap<string, Address>,
  ) {
    this.linker = linker
    this.id = id
    this.originalId = originalId
    this.linkage = linkage
    this.typeOrigins = typeOrigins
  }

  /** The package behind a runtime ID: itself or a dependency. */
  resolve(originalId: Address): PackageImpl {
    if (originalId === this.originalId) return this
    let found = this.#resolved.get(originalId)
    if (found === undefined) {
      found = this.linker.resolve(this, originalId)
      this.#resolved.set(originalId, found)
    }
    return found
  }

  module(originalId: Address, name: string): ModuleImpl {
    const module = this.resolve(originalId).modules.get(name)
    if (module === undefined) throw malformed(`module ${originalId}::${name} does not exist`)
    return module
  }
}

/**
 * An instruction ready to run: a code of the format (below 0x80) or of `translate/opcode.ts`.
 * All have the same shape, so that the interpreter's loop stays monomorphic.
 */
export class Op {
  code: number
  /** local, jump target, field index, variant tag or width */
  readonly a: number
  /** how many values are popped or made */
  readonly n: number
  /** constant, or the largest value of the integer type */
  readonly value: Value
  readonly callee: FunctionImpl | undefined
  /** type arguments of a call, open when they hold the caller's type parameters */
  readonly typeArguments: readonly MoveType[] | undefined
  readonly isOpen: boolean
  /** of VariantSwitch */
  readonly targets: readonly number[] | undefined
  /** memory that a new value takes */
  readonly bytes: number
  /** the last type arguments of an open call, in and out */
  cacheIn: readonly MoveType[] | undefined
  cacheOut: readonly MoveType[] | undefined

  constructor(
    code: number,
    {
      a = 0,
      n = 0,
      value = 0,
      callee,
      typeArguments,
      targets,
      bytes = 0,
    }: Partial<Pick<Op, 'a' | 'n' | 'value' | 'callee' | 'typeArguments' | 'targets' | 'bytes'>> = {},
  ) {
    this.code = code
    this.a = a
    this.n = n
    this.value = value
    this.callee = callee
    this.typeArguments = typeArguments
    this.isOpen = typeArguments?.some(type => type.isOpen) ?? false
    this.targets = targets
    this.bytes = bytes
    this.cacheIn = undefined
    this.cacheOut = undefined
  }
}

/** A verified function, ready to run. */
export interface Body {
  ops: readonly Op[]
  /** parameters and locals */
  locals: number
  /** that a call takes besides its instructions, for the locals */
  steps: number
}

export class FunctionImpl implements LoadedFunction {
  readonly module: ModuleImpl
  readonly name: string
  readonly index: number
  readonly definition: FunctionDefinition
  readonly visibility: Visibility
  readonly isEntry: boolean
  readonly isNative: boolean
  readonly typeParameters: readonly Abilities[]
  readonly parameters: readonly MoveType[]
  readonly returns: readonly MoveType[]
  /** set when the function is first verified */
  body: Body | undefined
  /** set when a native is first called */
  native: NativeFunction | undefined

  constructor(module: ModuleImpl, index: number, definition: FunctionDefinition) {
    const handle = at(module.compiled.functionHandles, definition.handle, 'function handle')
    if (handle.module !== module.compiled.self) throw malformed('a function of another module is defined')
    this.module = module
    this.index = index
    this.definition = definition
    this.name = handle.name
    this.visibility = definition.visibility
    this.isEntry = definition.isEntry
    this.isNative = definition.code === undefined
    this.typeParameters = handle.typeParameters
    this.parameters = module.signature(handle.parameters)
    this.returns = module.signature(handle.returns)
    this.body = undefined
    this.native = undefined
  }
}

export class ModuleImpl implements LoadedModule {
  readonly package: PackageImpl
  readonly name: string
  readonly bytes: Uint8Array
  readonly compiled: CompiledModule
  readonly functions = new Map<string, FunctionImpl>()
  readonly datatypes = new Map<string, DatatypeDefinition>()
  readonly dependencies: readonly Address[]
  readonly #signatures: (readonly MoveType[])[] = []

  constructor(owner: PackageImpl, bytes: Uint8Array, compiled: CompiledModule) {
    this.package = owner
    this.bytes = bytes
    this.compiled = compiled
    this.name = compiled.moduleHandles[compiled.self]!.name
    const addresses = new Set(compiled.moduleHandles.map(handle => handle.address))
    addresses.delete(owner.originalId)
    this.dependencies = [...addresses]
  }

  /** The types of a signature. */
  signature(index: number): readonly MoveType[] {
    let types = this.#signatures[index]
    if (types === undefined) {
      types = at(this.compiled.signatures, index, 'signature').map(token => this.type(token))
      this.#signatures[index] = types
    }
    return types
  }

  type(token: Token): MoveType {
    const { types } = this.package.linker
    switch (token.kind) {
      case 'vector':
        return types.vector(this.type(token.element))
      case 'reference':
        return types.reference(this.type(token.target), token.mutable)
      case 'parameter':
        return types.parameter(token.index)
      case 'datatype':
        return this.datatype(
          token.handle,
          token.typeArguments.map(argument => this.type(argument)),
        )
      default:
        return types.primitive(token.kind)
    }
  }

  /** A datatype handle with type arguments, named by its defining ID. */
  datatype(index: number, typeArguments: readonly MoveType[]): DatatypeType {
    const handle = at(this.compiled.datatypeHandles, index, 'datatype handle')
    const { address, name } = at(this.compiled.moduleHandles, handle.module, 'module handle')
    const owner = this.package.resolve(address)
    const origin = owner.typeOrigins.get(`${name}::${handle.name}`)
    if (origin === undefined) throw malformed(`type ${address}::${name}::${handle.name} does not exist`)
    if (handle.typeParameters.length !== typeArguments.length)
      throw malformed('wrong number of type arguments')
    return this.package.linker.types.datatype(origin, name, handle.name, typeArguments)
  }
}
