import { malformed, Reader } from './reader.ts'

/** Kinds of tables, as numbered in the format. */
export const TABLE_KINDS = {
  moduleHandles: 0x1,
  datatypeHandles: 0x2,
  functionHandles: 0x3,
  functionInstantiations: 0x4,
  signatures: 0x5,
  constants: 0x6,
  identifiers: 0x7,
  addresses: 0x8,
  structs: 0xa,
  structInstantiations: 0xb,
  functions: 0xc,
  fieldHandles: 0xd,
  fieldInstantiations: 0xe,
  friends: 0xf,
  metadata: 0x10,
  enums: 0x11,
  enumInstantiations: 0x12,
  variantHandles: 0x13,
  variantInstantiations: 0x14,
} as const

export type TableName = keyof typeof TABLE_KINDS

const MAGIC = 0x0beb1ca1 // a1 1c eb 0b, little-endian
const KNOWN = new Set<number>(Object.values(TABLE_KINDS))
const FIRST_ENUM_KIND = TABLE_KINDS.enums

export interface Tables {
  version: number
  /** where each table that is there lies in the module's bytes */
  spans: Map<number, { start: number; end: number }>
  /** where the tables end and the index of the module's own handle stands */
  end: number
}

/** Reads a module's header. Tables must follow each other without gaps, each kind at most once. */
export function readTables(bytes: Uint8Array): Tables {
  const header = new Reader(bytes)
  if (header.uint(4) !== MAGIC) throw malformed('not a Move module')
  // the highest byte is the flavour (Sui marks its modules from version 7 on)
  const version = header.uint(4) % 2 ** 24
  if (version < 5 || version > 7) throw malformed(`version ${version} is not supported`)
  const count = header.uleb(255)
  const entries: { kind: number; offset: number; length: number }[] = []
  for (let i = 0; i < count; i++) {
    const entry = { kind: header.u8(), offset: header.uleb(0xffffffff), length: header.uleb(0xffffffff) }
    if (!KNOWN.has(entry.kind) || (entry.kind >= FIRST_ENUM_KIND && version < 7))
      throw malformed(`unknown table ${entry.kind}`)
    entries.push(entry)
  }
  entries.sort((a, b) => a.offset - b.offset)
  const spans: Tables['spans'] = new Map()
  let end = header.position
  for (const { kind, offset, length } of entries) {
    if (header.position + offset !== end || length === 0) throw malformed('tables overlap or leave gaps')
    if (spans.has(kind)) throw malformed(`table ${kind} occurs twice`)
    spans.set(kind, { start: end, end: end + length })
    end += length
  }
  if (end > bytes.length) throw malformed('unexpected end')
  return { version, spans, end }
}
