import { VmError } from './errors.ts'
import { IDENTIFIER } from './format/identifier.ts'
import { DatatypeNode, ParameterNode, PrimitiveNode, ReferenceNode, VectorNode } from './type-nodes.ts'
import { parseTypeText } from './type-text.ts'
import type {
  Address,
  DatatypeType,
  MoveType,
  ParameterType,
  PrimitiveType,
  ReferenceType,
  TypeTable,
  TypeTagShape,
  VectorType,
} from './types.ts'

/** Sui bounds instantiations at run time likewise; it stops generic recursion that grows its type. */
const MAX_NODES = 256
const MAX_DEPTH = 64

const PRIMITIVE_KINDS = ['bool', 'u8', 'u16', 'u32', 'u64', 'u128', 'u256', 'address', 'signer'] as const

const HEX = /^(?:0x)?[0-9a-fA-F]{1,64}$/

/** `0x2` written out in full. */
export const fullAddress = (address: string): Address =>
  `0x${address.replace(/^0x/, '').toLowerCase().padStart(64, '0')}`

const badTag = (reason: string): VmError =>
  new VmError({ kind: 'DeserializationError', type: 'TypeTag', reason })

/** Interns types, so that equal types are identical. Those that nobody holds are forgotten: strangers name new ones. */
export function createTypeTable(): TypeTable {
  const byKey = new Map<string, WeakRef<MoveType>>()
  const ids = new WeakMap<MoveType, number>()
  let nextId = 0
  const id = (type: MoveType): number => ids.get(type)!
  const forgotten = new FinalizationRegistry<string>(key => {
    if (byKey.get(key)?.deref() === undefined) byKey.delete(key)
  })

  /** @param key names the type by the IDs of its parts, so that it stays short */
  const intern = <T extends MoveType>(key: string, make: () => T): T => {
    const known = byKey.get(key)?.deref()
    if (known !== undefined) return known as T
    const type = make()
    if (type.nodes > MAX_NODES || type.depth > MAX_DEPTH)
      throw new VmError({ kind: 'MovePrimitiveRuntimeError', reason: 'TYPE_TOO_LARGE' })
    byKey.set(key, new WeakRef(type))
    ids.set(type, nextId++)
    forgotten.register(type, key)
    return type
  }

  const primitive = (kind: PrimitiveType['kind']): PrimitiveType =>
    intern(kind, (): PrimitiveType => new PrimitiveNode(kind))
  const vector = (element: MoveType): VectorType =>
    intern(`vector ${id(element)}`, (): VectorType => new VectorNode(element))
  const reference = (target: MoveType, mutable: boolean): ReferenceType =>
    intern(`${mutable ? '&mut' : '&'} ${id(target)}`, (): ReferenceType => new ReferenceNode(target, mutable))
  const datatype = (
    address: Address,
    module: string,
    name: string,
    typeArguments: readonly MoveType[] = [],
  ): DatatypeType =>
    intern(
      `${address}::${module}::${name} ${typeArguments.map(id).join()}`,
      (): DatatypeType => new DatatypeNode(address, module, name, typeArguments),
    )
  const parameter = (index: number): ParameterType =>
    intern(`#${index}`, (): ParameterType => new ParameterNode(index))

  const instantiate = (type: MoveType, typeArguments: readonly MoveType[]): MoveType => {
    if (!type.isOpen) return type
    switch (type.kind) {
      case 'parameter': {
        const argument = typeArguments[type.index]
        if (argument === undefined)
          throw new VmError({ kind: 'VMInvariantViolation', reason: 'a type argument is missing' })
        return argument
      }
      case 'vector':
        return vector(instantiate(type.element, typeArguments))
      case 'reference':
        return reference(instantiate(type.target, typeArguments), type.mutable)
      case 'datatype':
        return datatype(
          type.address,
          type.module,
          type.name,
          type.typeArguments.map(argument => instantiate(argument, typeArguments)),
        )
      default:
        return type
    }
  }

  const fromTag = (tag: TypeTagShape | string): MoveType => {
    if (typeof tag === 'string') {
      const parsed = parseTypeText(tag)
      if (parsed === undefined) throw badTag('not a type')
      return fromTag(parsed)
    }
    if ('vector' in tag) return vector(fromTag(tag.vector))
    if ('struct' in tag) {
      const { address, module, name, typeParams } = tag.struct
      // names become part of a type's identity, so nothing may look like another type's text
      if (!IDENTIFIER.test(module) || !IDENTIFIER.test(name) || !HEX.test(address)) throw badTag('bad name')
      return datatype(fullAddress(address), module, name, typeParams.map(fromTag))
    }
    const kind = PRIMITIVE_KINDS.find(name => name in tag)
    if (kind === undefined) throw badTag('unknown kind')
    return primitive(kind)
  }

  const toTag = (type: MoveType): TypeTagShape => {
    switch (type.kind) {
      case 'vector':
        return { vector: toTag(type.element) }
      case 'datatype':
        return {
          struct: {
            address: type.address,
            module: type.module,
            name: type.name,
            typeParams: type.typeArguments.map(toTag),
          },
        }
      case 'reference':
      case 'parameter':
        throw new VmError({ kind: 'VMInvariantViolation', reason: `${type.text} has no tag` })
      default:
        return { [type.kind]: true }
    }
  }

  return { primitive, vector, reference, datatype, parameter, instantiate, fromTag, toTag }
}
