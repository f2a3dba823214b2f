import type {
  Address,
  DatatypeType,
  MoveType,
  ParameterType,
  PrimitiveType,
  ReferenceType,
  VectorType,
} from './types.ts'

/** What all types have. The text is made when it is first asked for: types nest, and so would their texts. */
abstract class TypeNode {
  readonly isOpen: boolean
  readonly depth: number
  readonly nodes: number
  #text: string | undefined

  constructor(parts: readonly MoveType[], isOpen: boolean) {
    this.isOpen = isOpen || parts.some(part => part.isOpen)
    this.depth = 1 + parts.reduce((depth, part) => Math.max(depth, part.depth), 0)
    this.nodes = 1 + parts.reduce((nodes, part) => nodes + part.nodes, 0)
  }

  protected abstract render(): string

  get text(): string {
    this.#text ??= this.render()
    return this.#text
  }
}

export class PrimitiveNode extends TypeNode implements PrimitiveType {
  readonly kind: PrimitiveType['kind']

  constructor(kind: PrimitiveType['kind']) {
    super([], false)
    this.kind = kind
  }

  protected override render(): string {
    return this.kind
  }
}

export class VectorNode extends TypeNode implements VectorType {
  readonly kind = 'vector'
  readonly element: MoveType

  constructor(element: MoveType) {
    super([element], false)
    this.element = element
  }

  protected override render(): string {
    return `vector<${this.element.text}>`
  }
}

export class ReferenceNode extends TypeNode implements ReferenceType {
  readonly kind = 'reference'
  readonly target: MoveType
  readonly mutable: boolean

  constructor(target: MoveType, mutable: boolean) {
    super([target], false)
    this.target = target
    this.mutable = mutable
  }

  protected override render(): string {
    return `${this.mutable ? '&mut ' : '&'}${this.target.text}`
  }
}

export class DatatypeNode extends TypeNode implements DatatypeType {
  readonly kind = 'datatype'
  readonly address: Address
  readonly module: string
  readonly name: string
  readonly typeArguments: readonly MoveType[]

  constructor(address: Address, module: string, name: string, typeArguments: readonly MoveType[]) {
    super(typeArguments, false)
    this.address = address
    this.module = module
    this.name = name
    this.typeArguments = typeArguments
  }

  protected override render(): string {
    const bare = `${this.address}::${this.module}::${this.name}`
    if (this.typeArguments.length === 0) return bare
    return `${bare}<${this.typeArguments.map(type => type.text).join(', ')}>`
  }
}

export class ParameterNode extends TypeNode implements ParameterType {
  readonly kind = 'parameter'
  readonly index: number

  constructor(index: number) {
    super([], true)
    this.index = index
  }

  protected override render(): string {
    return `#${this.index}`
  }
}
