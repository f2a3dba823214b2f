import type { DatatypeDefinition, DatatypeType, MoveType } from './types.ts'

/** How deep values nest: at least `base`, and `parameters[i]` deeper than values of the type argument i. */
interface Formula {
  base: number
  parameters: ReadonlyMap<number, number>
}

const deeper = ({ base, parameters }: Formula, by: number): Formula => ({
  base: base + by,
  parameters: new Map([...parameters].map(([index, depth]) => [index, depth + by])),
})

function deepest(formulas: readonly Formula[]): Formula {
  const parameters = new Map<number, number>()
  let base = 0
  for (const formula of formulas) {
    base = Math.max(base, formula.base)
    for (const [index, depth] of formula.parameters)
      parameters.set(index, Math.max(depth, parameters.get(index) ?? 0))
  }
  return { base, parameters }
}

/** Depths of values by type. A datatype's fields are looked at once, whatever it is instantiated with. */
export class DepthFormulas {
  readonly #definition: (type: DatatypeType) => DatatypeDefinition
  readonly #known = new WeakMap<DatatypeDefinition, Formula>()

  constructor(definition: (type: DatatypeType) => DatatypeDefinition) {
    this.#definition = definition
  }

  of(type: MoveType): number {
    return this.#type(type).base
  }

  #type(type: MoveType): Formula {
    switch (type.kind) {
      case 'parameter':
        return { base: 0, parameters: new Map([[type.index, 0]]) }
      case 'reference':
        return this.#type(type.target)
      case 'vector':
        return deeper(this.#type(type.element), 1)
      case 'datatype': {
        const { base, parameters } = this.#datatype(this.#definition(type))
        const formulas: Formula[] = [{ base, parameters: new Map() }]
        for (const [index, depth] of parameters)
          formulas.push(deeper(this.#type(type.typeArguments[index]!), depth))
        return deepest(formulas)
      }
      default:
        return { base: 1, parameters: new Map() }
    }
  }

  /** Types do not hold themselves, which is verified before anything asks for a depth. */
  #datatype(definition: DatatypeDefinition): Formula {
    let formula = this.#known.get(definition)
    if (formula === undefined) {
      const fields = definition.fields ?? definition.variants!.flatMap(variant => variant.fields)
      formula = deeper(
        deepest([{ base: 0, parameters: new Map() }, ...fields.map(field => this.#type(field.type))]),
        1,
      )
      this.#known.set(definition, formula)
    }
    return formula
  }
}
