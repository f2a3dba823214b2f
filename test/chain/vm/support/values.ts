import { EnumValue, type MoveType, refTo, type Value, type Vm } from '../../../../chain/localnet/vm/index.ts'
import type { Random } from './expressions.ts'

/** Any value of a type. */
export function anyValue(vm: Vm, type: MoveType, random: Random): Value {
  switch (type.kind) {
    case 'bool':
      return random(2) === 1
    case 'u8':
      return random(256)
    case 'u16':
      return random(65536)
    case 'u32':
      return random(2 ** 32)
    case 'u64':
    case 'u128':
    case 'u256': {
      const bits = Number(type.kind.slice(1))
      let value = 0n
      for (let i = 0; i < bits; i += 32) value = (value << 32n) | BigInt(random(2 ** 32))
      return value >> BigInt(random(bits))
    }
    case 'address':
    case 'signer':
      return `0x${Array.from({ length: 64 }, () => random(16).toString(16)).join('')}`
    case 'vector':
      return Array.from({ length: random(4) }, () => anyValue(vm, type.element, random))
    case 'reference':
      return refTo(anyValue(vm, type.target, random))
    case 'parameter':
      throw new Error('an open type has no values')
    case 'datatype': {
      const { variants } = vm.definition(type)!
      const fill = (field: MoveType) => anyValue(vm, vm.types.instantiate(field, type.typeArguments), random)
      if (!variants) return vm.fieldTypes(type).map(field => anyValue(vm, field, random))
      const tag = random(variants.length)
      return new EnumValue(
        tag,
        variants[tag]!.fields.map(field => fill(field.type)),
      )
    }
  }
}
