import type { TypeTagShape } from './types.ts'

const TOKEN = /\s*(::|[<>,]|[A-Za-z0-9_$]+)\s*/y
const PRIMITIVES = new Set(['bool', 'u8', 'u16', 'u32', 'u64', 'u128', 'u256', 'address', 'signer'])
/** Bounds the recursion; types that large are refused anyway. */
const MAX_DEPTH = 64

/** Parses `0x2::coin::Coin<vector<u8>>`; undefined unless all of it is a type. */
export function parseTypeText(text: string): TypeTagShape | undefined {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  for (let end = 0; end < text.length; end = TOKEN.lastIndex) {
    const match = TOKEN.exec(text)
    if (match === null) return undefined
    tokens.push(match[1]!)
  }
  let position = 0
  const take = (wanted?: string): string | undefined => {
    const found = tokens[position]
    if (found === undefined || (wanted !== undefined && found !== wanted)) return undefined
    position++
    return found
  }
  const typeArguments = (depth: number): TypeTagShape[] | undefined => {
    const list: TypeTagShape[] = []
    do {
      const type = parse(depth)
      if (type === undefined) return undefined
      list.push(type)
    } while (take(',') !== undefined)
    return take('>') ? list : undefined
  }
  const parse = (depth: number): TypeTagShape | undefined => {
    const head = take()
    if (head === undefined || depth > MAX_DEPTH) return undefined
    if (take('::') === undefined) {
      if (PRIMITIVES.has(head)) return { [head]: true }
      if (head !== 'vector' || !take('<')) return undefined
      const list = typeArguments(depth + 1)
      return list?.length === 1 ? { vector: list[0]! } : undefined
    }
    const module = take()
    const name = take('::') && take()
    if (module === undefined || name === undefined) return undefined
    const typeParams = take('<') ? typeArguments(depth + 1) : []
    return typeParams && { struct: { address: head, module, name, typeParams } }
  }
  const type = parse(1)
  return position === tokens.length ? type : undefined
}
