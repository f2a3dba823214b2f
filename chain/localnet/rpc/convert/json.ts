import type { GrpcTypes } from '@mysten/sui/grpc'
import { toBase64 } from '@mysten/sui/utils'
import { SYSTEM } from '../../ledger/address.ts'
import { EnumValue, type MoveType, type Value, type Vm, valueToBytes } from '../../vm/index.ts'

type Json = NonNullable<GrpcTypes.Object['json']>

const text = (value: string): Json => ({ kind: { oneofKind: 'stringValue', stringValue: value } })
const NOTHING: Json = { kind: { oneofKind: 'nullValue', nullValue: 0 } }
const list = (values: Json[]): Json => ({ kind: { oneofKind: 'listValue', listValue: { values } } })
const record = (fields: Record<string, Json>): Json => ({
  kind: { oneofKind: 'structValue', structValue: { fields } },
})

/** Values in one rendering: what has more is told without its JSON, as Sui does with what is too large. */
const MAX_NODES = 32_768

/** How many values may still be rendered. */
interface Room {
  nodes: number
}

class TooLarge extends Error {}

/** Sui's rendering of a Move value: large integers, addresses and IDs as text, bytes in base64. Absent when too large. */
export function jsonOf(vm: Vm, typeText: string, contents: Uint8Array): Json | undefined {
  const type = vm.types.fromTag(typeText)
  try {
    return render(vm, type, vm.deserialize(type, contents), { nodes: MAX_NODES })
  } catch (error) {
    if (error instanceof TooLarge) return undefined
    throw error
  }
}

function render(vm: Vm, type: MoveType, value: Value, room: Room): Json {
  if (room.nodes-- === 0) throw new TooLarge()
  switch (type.kind) {
    case 'bool':
      return { kind: { oneofKind: 'boolValue', boolValue: value as boolean } }
    case 'u8':
    case 'u16':
    case 'u32':
      return { kind: { oneofKind: 'numberValue', numberValue: value as number } }
    case 'vector':
      if (type.element.kind === 'u8') return text(toBase64(valueToBytes(value)))
      return list((value as Value[]).map(element => render(vm, type.element, element, room)))
    case 'datatype':
      return renderDatatype(vm, type, value, room)
    default:
      return text(String(value))
  }
}

type Datatype = Extract<MoveType, { kind: 'datatype' }>

function renderDatatype(vm: Vm, type: Datatype, value: Value, room: Room): Json {
  const short =
    type.address === SYSTEM.std || type.address === SYSTEM.sui ? `${type.module}::${type.name}` : ''
  if (short === 'string::String' || short === 'ascii::String')
    return text(new TextDecoder().decode(valueToBytes((value as Value[])[0]!)))
  if (short === 'object::ID') return text((value as string[])[0]!)
  if (short === 'object::UID') return text((value as string[][])[0]![0]!)
  if (short === 'option::Option') {
    const [element] = (value as Value[][])[0]!
    return element === undefined ? NOTHING : render(vm, type.typeArguments[0]!, element, room)
  }
  if (short === 'balance::Balance') return text(String((value as bigint[])[0]))
  const definition = vm.definition(type)
  const instantiate = (field: MoveType) => vm.types.instantiate(field, type.typeArguments)
  if (value instanceof EnumValue) {
    const variant = definition!.variants![value.tag]!
    const fields = Object.fromEntries(
      variant.fields.map(({ name, type: open }, i) => [
        name,
        render(vm, instantiate(open), value.fields[i]!, room),
      ]),
    )
    return record({ '@variant': text(variant.name), ...fields })
  }
  return record(
    Object.fromEntries(
      definition!.fields!.map(({ name, type: open }, i) => [
        name,
        render(vm, instantiate(open), (value as Value[])[i]!, room),
      ]),
    ),
  )
}
