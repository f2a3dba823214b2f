import type { CompiledModule, Token } from '../../../../chain/localnet/vm/format/module.ts'
import { OPCODES } from '../../../../chain/localnet/vm/format/opcodes.ts'
import { TABLE_KINDS } from '../../../../chain/localnet/vm/format/tables.ts'

/** Writes what parseModule reads, so that tests can make modules that no compiler would. */
export function assemble(module: CompiledModule): Uint8Array {
  const names: string[] = []
  const addresses: string[] = []
  const indexIn = (list: string[], item: string): number => {
    if (!list.includes(item)) list.push(item)
    return list.indexOf(item)
  }
  const name = (text: string): number[] => uleb(indexIn(names, text))
  const reference = ({ address, name: text }: { address: string; name: string }): number[] => [
    ...uleb(indexIn(addresses, address)),
    ...name(text),
  ]
  const pair = ({ target, signature }: { target: number; signature: number }) => [
    ...uleb(target),
    ...uleb(signature),
  ]
  const variant = (handle: { target: number; variant: number }) => [
    ...uleb(handle.target),
    ...uleb(handle.variant),
  ]
  const list = <T>(items: readonly T[], write: (item: T) => number[]): number[] => [
    ...uleb(items.length),
    ...items.flatMap(write),
  ]
  const fields = (items: readonly { name: string; type: Token }[]): number[] =>
    list(items, field => [...name(field.name), ...token(field.type)])

  const tables: [keyof typeof TABLE_KINDS, number[]][] = [
    ['moduleHandles', module.moduleHandles.flatMap(reference)],
    [
      'datatypeHandles',
      module.datatypeHandles.flatMap(handle => [
        ...uleb(handle.module),
        ...name(handle.name),
        handle.abilities,
        ...list(handle.typeParameters, ({ constraints, isPhantom }) => [constraints, isPhantom ? 1 : 0]),
      ]),
    ],
    [
      'functionHandles',
      module.functionHandles.flatMap(handle => [
        ...uleb(handle.module),
        ...name(handle.name),
        ...uleb(handle.parameters),
        ...uleb(handle.returns),
        ...list(handle.typeParameters, constraints => [constraints]),
      ]),
    ],
    ['functionInstantiations', module.functionInstantiations.flatMap(pair)],
    ['signatures', module.signatures.flatMap(types => list(types, token))],
    [
      'constants',
      module.constants.flatMap(({ type, data }) => [...token(type), ...uleb(data.length), ...data]),
    ],
    [
      'structs',
      module.structs.flatMap(({ handle, fields: tokens }) => [
        ...uleb(handle),
        ...(tokens ? [2, ...fields(tokens)] : [1]),
      ]),
    ],
    ['structInstantiations', module.structInstantiations.flatMap(pair)],
    [
      'functions',
      module.functions.flatMap(({ handle, visibility, isEntry, code }) => [
        ...uleb(handle),
        { private: 0, public: 1, friend: 3 }[visibility],
        (isEntry ? 4 : 0) | (code ? 0 : 2),
        0,
        ...(code
          ? [
              ...uleb(code.locals),
              ...list(code.instructions, ({ opcode, operand, count }) => [
                opcode,
                ...operandBytes(opcode, operand, count),
              ]),
              ...(module.version < 7
                ? []
                : list(code.jumpTables, table => [
                    ...uleb(table.enumDefinition),
                    ...uleb(table.offsets.length),
                    1,
                    ...table.offsets.flatMap(uleb),
                  ])),
            ]
          : []),
      ]),
    ],
    ['fieldHandles', module.fieldHandles.flatMap(({ owner, member }) => [...uleb(owner), ...uleb(member)])],
    ['fieldInstantiations', module.fieldInstantiations.flatMap(pair)],
    ['friends', module.friends.flatMap(reference)],
    [
      'enums',
      module.enums.flatMap(({ handle, variants }) => [
        ...uleb(handle),
        2,
        ...list(variants, item => [...name(item.name), ...fields(item.fields)]),
      ]),
    ],
    ['enumInstantiations', module.enumInstantiations.flatMap(pair)],
    ['variantHandles', module.variantHandles.flatMap(variant)],
    ['variantInstantiations', module.variantInstantiations.flatMap(variant)],
  ]
  tables.push(['identifiers', names.flatMap(text => list([...Buffer.from(text)], byte => [byte]))])
  tables.push(['addresses', addresses.flatMap(address => [...Buffer.from(address.slice(2), 'hex')])])
  const present = tables.filter(([, bytes]) => bytes.length > 0)
  let offset = 0
  const directory = present.flatMap(([kind, bytes]) => {
    const entry = [TABLE_KINDS[kind], ...uleb(offset), ...uleb(bytes.length)]
    offset += bytes.length
    return entry
  })
  return Uint8Array.from([
    ...[0xa1, 0x1c, 0xeb, 0x0b, module.version, 0, 0, 0],
    ...uleb(present.length),
    ...directory,
    ...present.flatMap(([, bytes]) => bytes),
    ...uleb(module.self),
  ])
}

function uleb(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80)
  return [...bytes, rest]
}

const literal = (value: number | bigint, size: number): number[] =>
  Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn))

const literalSizes: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8, u128: 16, u256: 32 }

function operandBytes(code: number, operand: number | bigint, count: number): number[] {
  const form = OPCODES[code]?.operand ?? 'none'
  if (form === 'none') return []
  const size = literalSizes[form]
  if (size !== undefined) return literal(operand, size)
  return [...uleb(Number(operand)), ...(form === 'vector' ? literal(count, 8) : [])]
}

const primitiveCodes: Record<string, number> = {
  bool: 1,
  u8: 2,
  u64: 3,
  u128: 4,
  address: 5,
  signer: 12,
  u16: 13,
  u32: 14,
  u256: 15,
}

function token(type: Token): number[] {
  switch (type.kind) {
    case 'reference':
      return [type.mutable ? 7 : 6, ...token(type.target)]
    case 'vector':
      return [10, ...token(type.element)]
    case 'parameter':
      return [9, ...uleb(type.index)]
    case 'datatype':
      return type.typeArguments.length === 0
        ? [8, ...uleb(type.handle)]
        : [11, ...uleb(type.handle), ...uleb(type.typeArguments.length), ...type.typeArguments.flatMap(token)]
    default:
      return [primitiveCodes[type.kind]!]
  }
}
