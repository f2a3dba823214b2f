import { pureBcsSchemaFromTypeName } from '@mysten/sui/bcs'
import type { GrpcTypes } from '@mysten/sui/grpc'
import { SYSTEM } from '../ledger/address.ts'
import type { MoveType } from '../vm/index.ts'
import { invalid } from './status.ts'

type Literal = NonNullable<GrpcTypes.Input['literal']>

/**
 * BCS of a plain value that a caller wrote as JSON, by the type that it is used as: numbers (those above 2^53 as text),
 * addresses and IDs as text, lists, `null` for no option. Throws RpcStatus.
 */
export function literalBytes(literal: Literal, type: string | undefined): Uint8Array {
  if (type === undefined) throw invalid('a literal is used as nothing that tells its type')
  const value = plainValue(literal)
  try {
    if (!hasShape(value, type)) throw new TypeError(type)
    return pureBcsSchemaFromTypeName(type as 'u8')
      .serialize(value as never)
      .toBytes()
  } catch {
    throw invalid(`a literal is no ${type}`)
  }
}

/** The serializer takes a list of one number for a number. */
function hasShape(value: unknown, type: string): boolean {
  const inner = type.slice(type.indexOf('<') + 1, -1)
  if (type.startsWith('vector<')) return Array.isArray(value) && value.every(one => hasShape(one, inner))
  if (type.startsWith('option<')) return value === null || hasShape(value, inner)
  return (
    typeof value === (type === 'bool' ? 'boolean' : 'string') ||
    (type.startsWith('u') && Number.isInteger(value))
  )
}

function plainValue({ kind }: Literal): unknown {
  switch (kind.oneofKind) {
    case 'numberValue':
      return kind.numberValue
    case 'stringValue':
      return kind.stringValue
    case 'boolValue':
      return kind.boolValue
    case 'nullValue':
      return null
    case 'listValue':
      return kind.listValue.values.map(plainValue)
    default:
      throw invalid('a literal of no kind')
  }
}

/** The name of a plain type, as `tx.pure` takes it; undefined when values of it are not plain. */
export function plainName(type: MoveType): string | undefined {
  switch (type.kind) {
    case 'reference':
      return plainName(type.target)
    case 'vector': {
      const element = plainName(type.element)
      return element && `vector<${element}>`
    }
    case 'datatype': {
      const short = `${type.address}::${type.module}::${type.name}`
      if (short === `${SYSTEM.std}::string::String` || short === `${SYSTEM.std}::ascii::String`)
        return 'string'
      if (short === `${SYSTEM.sui}::object::ID`) return 'id'
      const inner = short === `${SYSTEM.std}::option::Option` ? plainName(type.typeArguments[0]!) : undefined
      return inner && `option<${inner}>`
    }
    case 'parameter':
    case 'signer':
      return undefined
    default:
      return type.kind
  }
}
