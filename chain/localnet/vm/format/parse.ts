import type { Abilities, Visibility } from '../types.ts'
import { readCode } from './code.ts'
import { IDENTIFIER } from './identifier.ts'
import type { CompiledModule, FieldToken, FunctionDefinition, ModuleHandle } from './module.ts'
import { malformed, Reader } from './reader.ts'
import { readTables, TABLE_KINDS, type TableName } from './tables.ts'
import { MAX_INDEX, readToken } from './tokens.ts'

const MAX_IDENTIFIER = 128 // Sui's max_identifier_len
const MAX_ENTRIES = 0xffff
const MAX_FIELDS = 255
const MAX_VARIANTS = 127
const MAX_TYPE_PARAMETERS = 255

/** The element of a table that an index names. */
export function at<T>(table: readonly T[], index: number, what: string): T {
  const element = table[index]
  if (element === undefined) throw malformed(`${what} ${index} does not exist`)
  return element
}

const abilities = (reader: Reader): Abilities => reader.uleb(15)

function readVisibility(code: number): Visibility {
  if (code === 0) return 'private'
  if (code === 1) return 'public'
  if (code === 3) return 'friend'
  throw malformed(`unknown visibility ${code}`)
}

/**
 * Reads a module of version 5 to 7. Every byte is accounted for. Indexes are within what the format
 * can express; whether they exist is checked where they are followed (`at`).
 * @throws VmError `VMVerificationOrDeserializationError`
 */
export function parseModule(bytes: Uint8Array): CompiledModule {
  const { version, spans, end } = readTables(bytes)

  const table = <T>(name: TableName, readEntry: (reader: Reader) => T): T[] => {
    const span = spans.get(TABLE_KINDS[name])
    if (span === undefined) return []
    const reader = new Reader(bytes, span.start, span.end)
    const entries: T[] = []
    while (reader.hasMore) {
      if (entries.length === MAX_ENTRIES) throw malformed(`too many ${name}`)
      entries.push(readEntry(reader))
    }
    return entries
  }
  const list = <T>(reader: Reader, max: number, readItem: () => T): T[] => {
    const items: T[] = []
    for (let n = reader.uleb(max); n > 0; n--) items.push(readItem())
    return items
  }
  const index = (reader: Reader): number => reader.uleb(MAX_INDEX)

  const text = new TextDecoder('utf-8', { fatal: true })
  const names = table('identifiers', reader => {
    const raw = reader.bytes(reader.uleb(MAX_IDENTIFIER))
    let name: string
    try {
      name = text.decode(raw)
    } catch {
      throw malformed('an identifier is not UTF-8')
    }
    if (!IDENTIFIER.test(name)) throw malformed('an identifier has characters that Move does not allow')
    return name
  })
  const addresses = table('addresses', reader => `0x${Buffer.from(reader.bytes(32)).toString('hex')}`)
  if (new Set(names).size < names.length) throw malformed('an identifier occurs twice')
  if (new Set(addresses).size < addresses.length) throw malformed('an address occurs twice')
  const name = (reader: Reader): string => at(names, index(reader), 'identifier')
  const moduleHandle = (reader: Reader): ModuleHandle => {
    const addressIndex = index(reader)
    return { addressIndex, address: at(addresses, addressIndex, 'address'), name: name(reader) }
  }
  const pair = (reader: Reader) => ({ target: index(reader), signature: index(reader) })
  const variant = (reader: Reader) => ({ target: index(reader), variant: index(reader) })
  const fields = (reader: Reader): FieldToken[] =>
    list(reader, MAX_FIELDS, () => ({ name: name(reader), type: readToken(reader) }))

  const moduleHandles = table('moduleHandles', moduleHandle)
  const datatypeHandles = table('datatypeHandles', reader => ({
    module: index(reader),
    name: name(reader),
    abilities: abilities(reader),
    typeParameters: list(reader, MAX_TYPE_PARAMETERS, () => {
      const constraints = abilities(reader)
      const phantom = reader.u8()
      if (phantom > 1) throw malformed('bad phantom flag')
      return { constraints, isPhantom: phantom === 1 }
    }),
  }))
  const functionHandles = table('functionHandles', reader => ({
    module: index(reader),
    name: name(reader),
    parameters: index(reader),
    returns: index(reader),
    typeParameters: list(reader, MAX_TYPE_PARAMETERS, () => abilities(reader)),
  }))
  const structs = table('structs', reader => {
    const handle = index(reader)
    const flag = reader.u8()
    if (flag === 1) return { handle }
    if (flag !== 2) throw malformed('bad struct flag')
    return { handle, fields: fields(reader) }
  })
  const enums = table('enums', reader => {
    const handle = index(reader)
    if (reader.u8() !== 2) throw malformed('bad enum flag')
    return {
      handle,
      variants: list(reader, MAX_VARIANTS, () => ({ name: name(reader), fields: fields(reader) })),
    }
  })
  const functions = table('functions', (reader): FunctionDefinition => {
    const handle = index(reader)
    const visibility = readVisibility(reader.u8())
    const flags = reader.u8()
    if ((flags & ~6) !== 0) throw malformed('bad function flags')
    if (reader.uleb(MAX_INDEX) !== 0) throw malformed('global storage is not supported')
    const definition: FunctionDefinition = { handle, visibility, isEntry: (flags & 4) !== 0 }
    if ((flags & 2) === 0) definition.code = readCode(reader, version)
    return definition
  })
  const module: CompiledModule = {
    version,
    self: 0,
    moduleHandles,
    datatypeHandles,
    functionHandles,
    fieldHandles: table('fieldHandles', reader => ({ owner: index(reader), member: index(reader) })),
    friends: table('friends', moduleHandle),
    structInstantiations: table('structInstantiations', pair),
    functionInstantiations: table('functionInstantiations', pair),
    fieldInstantiations: table('fieldInstantiations', pair),
    signatures: table('signatures', reader => list(reader, MAX_FIELDS, () => readToken(reader))),
    constants: table('constants', reader => ({
      type: readToken(reader),
      data: reader.bytes(reader.uleb(MAX_ENTRIES)),
    })),
    structs,
    functions,
    enums,
    enumInstantiations: table('enumInstantiations', pair),
    variantHandles: table('variantHandles', variant),
    variantInstantiations: table('variantInstantiations', variant),
  }
  table('metadata', reader => {
    reader.bytes(reader.uleb(1023))
    reader.bytes(reader.uleb(MAX_ENTRIES))
  })
  const tail = new Reader(bytes, end)
  module.self = index(tail)
  if (tail.hasMore) throw malformed('trailing bytes')
  at(moduleHandles, module.self, 'module handle')
  return module
}
