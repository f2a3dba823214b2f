import type { PrimitiveType } from '../types.ts'
import type { Token } from './module.ts'
import { malformed, type Reader } from './reader.ts'

const PRIMITIVES: Readonly<Record<number, PrimitiveType['kind']>> = {
  1: 'bool',
  2: 'u8',
  3: 'u64',
  4: 'u128',
  5: 'address',
  12: 'signer',
  13: 'u16',
  14: 'u32',
  15: 'u256',
}

const MAX_DEPTH = 256 // Move's SIGNATURE_TOKEN_DEPTH_MAX
export const MAX_INDEX = 0xffff // Move's TABLE_INDEX_MAX
const MAX_TYPE_ARGUMENTS = 32 // Sui's max_generic_instantiation_length

/** One type of a signature. */
export function readToken(reader: Reader, depth = 1): Token {
  if (depth > MAX_DEPTH) throw malformed('a type is too deep')
  const kind = reader.u8()
  switch (kind) {
    case 6:
    case 7:
      return { kind: 'reference', mutable: kind === 7, target: readToken(reader, depth + 1) }
    case 8:
      return { kind: 'datatype', handle: reader.uleb(MAX_INDEX), typeArguments: [] }
    case 9:
      return { kind: 'parameter', index: reader.uleb(MAX_INDEX) }
    case 10:
      return { kind: 'vector', element: readToken(reader, depth + 1) }
    case 11: {
      const handle = reader.uleb(MAX_INDEX)
      const typeArguments: Token[] = []
      for (let n = reader.uleb(MAX_TYPE_ARGUMENTS); n > 0; n--)
        typeArguments.push(readToken(reader, depth + 1))
      if (typeArguments.length === 0) throw malformed('an instantiation without type arguments')
      return { kind: 'datatype', handle, typeArguments }
    }
    default: {
      const primitive = PRIMITIVES[kind]
      if (primitive === undefined) throw malformed(`unknown type ${kind}`)
      return { kind: primitive }
    }
  }
}
