import type { GrpcTypes } from '@mysten/sui/grpc'
import { toBase64 } from '@mysten/sui/utils'
import { SYSTEM } from '../../ledger/address.ts'
import { EnumValue, type MoveType, type Value, type Vm, valueToBytes } from '../../vm/index.ts'

type Json = NonNullable<GrpcTypes.Object['json']>

const text = (value: string): Json => ({ kind: { oneofKind: 'stringValue', stringValue: value } })
const nothing: Json = { kind: { oneofKind: 'nullValue', nullValue: 0 } }
const list = (values: Json[]): Json => ({ kind: { oneofKind: 'listValue', listValue: { values } } })
const record = (fields: Record<string, Json>): Json => ({
  kind: { oneofKind: 'structValue', structValue: { fields } },
})

/** Sui's rendering of a Move value: large integers, addresses and IDs as text, bytes in base64. */
export function jsonOf(vm: Vm, typeText: string, contents: Uint8Array): Json {
  const type = vm.types.fromTag(typeText)
  return render(vm, type, vm.deserialize(type, contents))
}

function render(vm: Vm, type: MoveType, value: Value): Json {
  switch (type.kind) {
    case 'bool':
      return { kind: { oneofKind: 'boolValue', boolValue: value as boolean } }
    case 'u8':
    case 'u16':
    case 'u32':
      return { kind: { oneofKind: 'numberValue', numberValue: value as number } }
    case 'vector':
      if (type.element.kind === 'u8') return text(toBase64(valueToBytes(value)))
      return list((value as Value[]).map(element => render(vm, type.element, element)))
    case 'datatype':
      return renderDatatype(vm, type, value)
    default:
      return text(String(value))
  }
}

type Datatype = Extract<MoveType, { kind: 'datatype' }>

function renderDatatype(vm: Vm, type: Datatype, value: Value): Json {
  const short =
    type.address === SYSTEM.std || type.address === SYSTEM.sui ? `${type.module}::${type.name}` : ''
  if (short === 'string::String' || short === 'ascii::String')
    return text(new TextDecoder().decode(valueToBytes((value as Value[])[0]!)))
  if (short === 'object::ID') return text((value as string[])[0]!)
  if (short === 'object::UID') return text((value as string[][])[0]![0]!)
  if (short === 'option::Option') {
    const [element] = (value as Value[][])[0]!
    return element === undefined ? nothing : render(vm, type.typeArguments[0]!, element)
  }
  if (short === 'balance::Balance') return text(String((value as bigint[])[0]))
  const definition = vm.definition(type)
  const instantiate = (field: MoveType) => vm.types.instantiate(field, type.typeArguments)
  if (value instanceof EnumValue) {
    const variant = definition!.variants![value.tag]!
    const fields = Object.fromEntries(
      variant.fields.map(({ name, type: open }, i) => [
        name,
        render(vm, instantiate(open), value.fields[i]!),
      ]),
    )
    return record({ '@variant': text(variant.name), ...fields })
  }
  return record(
    Object.fromEntries(
      definition!.fields!.map(({ name, type: open }, i) => [
        name,
        render(vm, instantiate(open), (value as Value[])[i]!),
      ]),
    ),
  )
}
