import { defineDatatypes, defineFunctions } from './define.ts'
import type { Definitions } from './definitions.ts'
import { VmError } from './errors.ts'
import { parseModule } from './format/parse.ts'
import { malformed } from './format/reader.ts'
import { type FunctionImpl, type Linker, ModuleImpl, PackageImpl } from './loaded.ts'
import { Meter } from './meter.ts'
import { translate } from './translate/translate.ts'
import type { Address, DatatypeDefinition, LoadedPackage, PackageInput, TypeTable } from './types.ts'
import { checkBounds } from './verify/bounds.ts'
import { checkDuplicates } from './verify/duplicates.ts'
import { checkLimits } from './verify/limits.ts'
import { verifyPackage } from './verify/package.ts'

/** Of a package that is verified outside of a transaction. */
const MAX_STEPS = 1_000_000_000

/** Whatever stops the verification is the package's fault: types that are too large, constants that are no values. */
function asVerification(error: unknown): unknown {
  if (!(error instanceof VmError)) return error
  const { kind, message } = error
  if (kind === 'InsufficientGas')
    return new VmError({ kind: 'SuiMoveVerificationTimedout', reason: message }, { cause: error })
  if (kind === 'MovePrimitiveRuntimeError' || kind === 'DeserializationError')
    return new VmError({ kind: 'VMVerificationOrDeserializationError', reason: message }, { cause: error })
  return error
}

/** The loaded packages, each linked as it was published and as others that upgrade its dependencies see it. */
export class Packages implements Linker {
  readonly types: TypeTable
  readonly #definitions: Definitions
  readonly #byId = new Map<Address, PackageImpl>()
  readonly #relinked = new Map<string, PackageImpl>()

  constructor(types: TypeTable, definitions: Definitions) {
    this.types = types
    this.#definitions = definitions
  }

  get(id: Address): PackageImpl | undefined {
    return this.#byId.get(id)
  }

  load(input: PackageInput): LoadedPackage {
    const { id, modules, trusted = false, meter = new Meter({ steps: MAX_STEPS }) } = input
    if (this.#byId.has(id)) throw malformed(`package ${id} is loaded already`)
    let added: readonly DatatypeDefinition[] = []
    try {
      for (const bytes of modules) meter.charge(bytes.length)
      const loaded = this.#parse(input, trusted)
      added = defineDatatypes(loaded, this.#definitions)
      verifyPackage(loaded, this.#definitions, meter)
      if (!trusted) this.#verifyCode(loaded, meter)
      this.#byId.set(id, loaded)
      return loaded
    } catch (error) {
      for (const definition of added) this.#definitions.remove(definition)
      throw asVerification(error)
    }
  }

  #parse(
    { id, originalId = id, modules, linkage = new Map(), ...input }: PackageInput,
    trusted: boolean,
  ): PackageImpl {
    const parsed = modules.map(bytes => ({ bytes, compiled: parseModule(bytes) }))
    const typeOrigins = new Map(input.typeOrigins)
    for (const { compiled } of parsed) {
      if (!trusted) {
        checkBounds(compiled)
        checkDuplicates(compiled)
        checkLimits(compiled)
      }
      const self = compiled.moduleHandles[compiled.self]!
      if (self.address !== originalId) throw malformed(`module ${self.name} has another address`)
      for (const { handle } of [...compiled.structs, ...compiled.enums]) {
        const name = `${self.name}::${compiled.datatypeHandles[handle]?.name}`
        if (!typeOrigins.has(name)) typeOrigins.set(name, id)
      }
    }
    return this.#link(new PackageImpl(this, id, originalId, linkage, typeOrigins), parsed)
  }

  #link(owner: PackageImpl, modules: readonly Pick<ModuleImpl, 'bytes' | 'compiled'>[]): PackageImpl {
    for (const { bytes, compiled } of modules) {
      const module = new ModuleImpl(owner, bytes, compiled)
      if (owner.modules.has(module.name)) throw malformed(`module ${module.name} occurs twice`)
      owner.modules.set(module.name, module)
    }
    for (const module of owner.modules.values()) defineFunctions(module)
    return owner
  }

  #verifyCode(loaded: PackageImpl, meter: Meter): void {
    for (const module of loaded.modules.values())
      for (const fn of module.functions.values())
        if (fn.definition.code !== undefined)
          fn.body = translate(fn, fn.definition.code, this.#definitions, meter)
  }

  unload(id: Address): void {
    const loaded = this.#byId.get(id)
    if (loaded === undefined) return
    for (const module of loaded.modules.values())
      for (const definition of module.datatypes.values())
        if (definition.address === id) this.#definitions.remove(definition)
    this.#byId.delete(id)
    for (const key of this.#relinked.keys()) if (key.startsWith(id)) this.#relinked.delete(key)
  }

  function(packageId: Address, module: string, name: string): FunctionImpl {
    const fn = this.#byId.get(packageId)?.modules.get(module)?.functions.get(name)
    if (fn === undefined)
      throw new VmError({ kind: 'FunctionNotFound', function: `${packageId}::${module}::${name}` })
    return fn
  }

  /**
   * The dependency of `from` with a runtime ID. `from`'s linkage also decides which versions that
   * dependency's own dependencies have, so it may have to be linked anew.
   */
  resolve(from: PackageImpl, originalId: Address): PackageImpl {
    const id = from.linkage.get(originalId) ?? originalId
    const base = this.#byId.get(id)
    if (base === undefined || base.originalId !== originalId) throw malformed(`package ${id} is not loaded`)
    const linkage = new Map(base.linkage)
    let differs = false
    for (const [dependency, version] of base.linkage) {
      const wanted = from.linkage.get(dependency) ?? version
      if (wanted !== version) differs = true
      linkage.set(dependency, wanted)
    }
    if (!differs) return base
    const key = [id, ...[...linkage].map(([a, b]) => `${a}=${b}`).sort()].join()
    let relinked = this.#relinked.get(key)
    if (relinked === undefined) {
      relinked = this.#link(new PackageImpl(this, id, originalId, linkage, base.typeOrigins), [
        ...base.modules.values(),
      ])
      this.#relinked.set(key, relinked)
    }
    return relinked
  }
}
