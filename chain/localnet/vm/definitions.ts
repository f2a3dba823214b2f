import { COPYABLE, DROPPABLE, HAS_KEY, PRIMITIVE_ABILITIES, STORABLE } from './abilities.ts'
import { VmError } from './errors.ts'
import type { Abilities, DatatypeDefinition, DatatypeType, MoveType, TypeTable } from './types.ts'
import { DepthFormulas } from './value-depth.ts'

/** The structs and enums of all loaded packages, by defining ID. */
export class Definitions {
  readonly #types: TypeTable
  readonly #byName = new Map<string, DatatypeDefinition>()
  #byType = new WeakMap<DatatypeType, DatatypeDefinition>()
  #fields = new WeakMap<DatatypeType, readonly MoveType[]>()
  #variants = new WeakMap<DatatypeType, readonly (readonly MoveType[])[]>()
  #abilities = new WeakMap<DatatypeType, Abilities>()
  #depths = new DepthFormulas(type => this.get(type))

  constructor(types: TypeTable) {
    this.#types = types
  }

  /** Adds a definition unless an earlier version of the package brought it already; says whether it did. */
  add(definition: DatatypeDefinition): boolean {
    const key = `${definition.address}::${definition.module}::${definition.name}`
    if (this.#byName.has(key)) return false
    this.#byName.set(key, definition)
    return true
  }

  remove(definition: DatatypeDefinition): void {
    this.#byName.delete(`${definition.address}::${definition.module}::${definition.name}`)
    this.#byType = new WeakMap()
    this.#fields = new WeakMap()
    this.#variants = new WeakMap()
    this.#abilities = new WeakMap()
    this.#depths = new DepthFormulas(type => this.get(type))
  }

  find(type: DatatypeType): DatatypeDefinition | undefined {
    const known = this.#byType.get(type)
    if (known !== undefined) return known
    const definition = this.#byName.get(`${type.address}::${type.module}::${type.name}`)
    if (definition !== undefined) this.#byType.set(type, definition)
    return definition
  }

  get(type: DatatypeType): DatatypeDefinition {
    const definition = this.find(type)
    if (definition === undefined)
      throw new VmError({ kind: 'VMInvariantViolation', reason: `${type.text} is not defined` })
    return definition
  }

  /** Field types of a struct. */
  fieldTypes(type: DatatypeType): readonly MoveType[] {
    const known = this.#fields.get(type)
    if (known !== undefined) return known
    const { fields } = this.get(type)
    if (fields === undefined)
      throw new VmError({ kind: 'VMInvariantViolation', reason: `${type.text} is not a struct` })
    const types = fields.map(field => this.#types.instantiate(field.type, type.typeArguments))
    this.#fields.set(type, types)
    return types
  }

  /** Field types of each variant of an enum; undefined for a struct. */
  variantTypes(type: DatatypeType): readonly (readonly MoveType[])[] | undefined {
    const known = this.#variants.get(type)
    if (known !== undefined) return known
    const { variants } = this.get(type)
    if (variants === undefined) return undefined
    const types = variants.map(variant =>
      variant.fields.map(field => this.#types.instantiate(field.type, type.typeArguments)),
    )
    this.#variants.set(type, types)
    return types
  }

  /** How deep the values of a closed type nest. */
  valueDepth(type: MoveType): number {
    return this.#depths.of(type)
  }

  /** @param scope abilities of the type parameters, for a type that is open */
  abilities(type: MoveType, scope: readonly Abilities[] = []): Abilities {
    switch (type.kind) {
      case 'vector':
        return PRIMITIVE_ABILITIES & this.abilities(type.element, scope)
      case 'reference':
        return COPYABLE | DROPPABLE
      case 'signer':
        return DROPPABLE
      case 'parameter':
        return scope[type.index] ?? 0
      case 'datatype': {
        const known = this.#abilities.get(type)
        if (known !== undefined) return known
        const abilities = this.#ofDatatype(type, scope)
        if (!type.isOpen) this.#abilities.set(type, abilities)
        return abilities
      }
      default:
        return PRIMITIVE_ABILITIES
    }
  }

  #ofDatatype(type: DatatypeType, scope: readonly Abilities[]): Abilities {
    const definition = this.get(type)
    let abilities = definition.abilities
    definition.typeParameters.forEach((parameter, i) => {
      const argument = type.typeArguments[i]
      if (parameter.isPhantom || argument === undefined) return
      const has = this.abilities(argument, scope)
      if ((has & COPYABLE) === 0) abilities &= ~COPYABLE
      if ((has & DROPPABLE) === 0) abilities &= ~DROPPABLE
      if ((has & STORABLE) === 0) abilities &= ~(STORABLE | HAS_KEY)
    })
    return abilities
  }

  /** Why a type is not well formed (a datatype is missing, or its arguments do not fit); undefined when it is. */
  problem(
    type: MoveType,
    scope: readonly Abilities[] = [],
  ): 'TypeNotFound' | 'ConstraintNotSatisfied' | undefined {
    switch (type.kind) {
      case 'vector':
        return type.element.kind === 'reference'
          ? 'ConstraintNotSatisfied'
          : this.problem(type.element, scope)
      case 'reference':
        return type.target.kind === 'reference' ? 'ConstraintNotSatisfied' : this.problem(type.target, scope)
      case 'parameter':
        return type.index < scope.length ? undefined : 'TypeNotFound'
      case 'datatype': {
        const definition = this.find(type)
        if (definition === undefined || definition.typeParameters.length !== type.typeArguments.length)
          return 'TypeNotFound'
        for (const [i, argument] of type.typeArguments.entries()) {
          if (argument.kind === 'reference') return 'ConstraintNotSatisfied'
          const problem = this.problem(argument, scope)
          if (problem !== undefined) return problem
          const { constraints } = definition.typeParameters[i]!
          if ((this.abilities(argument, scope) & constraints) !== constraints) return 'ConstraintNotSatisfied'
        }
        return undefined
      }
      default:
        return undefined
    }
  }
}
