import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { NativeAbort, VmError } from '../errors.ts'
import { MAX_VECTOR_LENGTH } from '../interpreter.ts'
import { bytesOfArray, SLOT_BYTES } from '../meter.ts'
import type { MoveType, NativeCall, NativeTable, Vm } from '../types.ts'
import { Reference, type Value } from '../values.ts'
import { bytesBehind, bytesIn, bytesOut, HASH_STEPS } from './arguments.ts'

/** A type as `std::type_name` writes it: full addresses without `0x`, no blanks. */
function nameOf(type: MoveType, addressOf: (address: string) => string): string {
  switch (type.kind) {
    case 'vector':
      return `vector<${nameOf(type.element, addressOf)}>`
    case 'datatype': {
      const bare = `${addressOf(type.address).slice(2)}::${type.module}::${type.name}`
      const args = type.typeArguments.map(argument => nameOf(argument, addressOf))
      return args.length === 0 ? bare : `${bare}<${args.join(',')}>`
    }
    default:
      return type.text
  }
}

/** The runtime ID of the package that introduced a type. */
const originalOf = (vm: Vm, definingId: string): string => vm.package(definingId)?.originalId ?? definingId

/** A type's name as an ASCII string. The bound on types' sizes bounds the text. */
function typeName(call: NativeCall, type: MoveType, addressOf: (address: string) => string): Value[] {
  call.context.meter.charge(NODE_STEPS * type.nodes)
  return [bytesOut(call, Buffer.from(nameOf(type, addressOf), 'latin1'))]
}
/** To write one part of a type, and to look up its package. */
const NODE_STEPS = 50
/** Bytes compared in the time of a step. */
const COMPARED_PER_STEP = 16
const NO_MODULE = 0n // type_name::ENonModuleType

const hash =
  (algorithm: string) =>
  (call: NativeCall, _types: readonly MoveType[], [data]: readonly Value[]): Value[] => {
    call.context.meter.charge(HASH_STEPS)
    return [bytesOut(call, createHash(algorithm).update(bytesIn(call, data)).digest())]
  }

/** Start bytes of UTF-8 characters are all but 0b10xxxxxx. */
const isBoundary = (bytes: Uint8Array, at: number): boolean =>
  at === bytes.length || (at < bytes.length && (bytes[at]! & 0xc0) !== 0x80)

const vectorError = (subStatus: number): VmError =>
  new VmError({ kind: 'MovePrimitiveRuntimeError', reason: 'VECTOR_ERROR', subStatus })

const element = (reference: Value | undefined, index: Value | undefined): Reference => {
  const vector = (reference as Reference).value as Value[]
  if ((index as bigint) >= vector.length) throw vectorError(1)
  return new Reference(vector, Number(index))
}

/** Natives of 0x1. The vector functions are instructions in bytecode; transactions call them as functions. */
export const stdNatives: NativeTable = {
  '0x1::bcs::to_bytes': (call, [type], [value]) => [
    bytesOut(call, call.vm.serialize(type!, (value as Reference).value, call.context.meter)),
  ],

  '0x1::hash::sha2_256': hash('sha256'),
  '0x1::hash::sha3_256': hash('sha3-256'),

  '0x1::string::internal_check_utf8': (call, _types, [bytes]) => [isUtf8(bytesBehind(call, bytes))],
  '0x1::string::internal_is_char_boundary': (call, _types, [bytes, at]) => {
    const text = bytesBehind(call, bytes)
    return [(at as bigint) <= text.length && isBoundary(text, Number(at))]
  },
  '0x1::string::internal_sub_string': (call, _types, [bytes, from, to]) => {
    const text = bytesBehind(call, bytes)
    if ((to as bigint) > text.length || (from as bigint) > (to as bigint)) throw new NativeAbort(1)
    return [bytesOut(call, text.subarray(Number(from), Number(to)))]
  },
  '0x1::string::internal_index_of': (call, _types, [bytes, wanted]) => {
    const text = Buffer.from(bytesBehind(call, bytes))
    const pattern = bytesBehind(call, wanted)
    // the search may compare each with each
    call.context.meter.charge(Math.ceil((text.length * pattern.length) / COMPARED_PER_STEP))
    const at = text.indexOf(pattern)
    return [BigInt(at < 0 ? text.length : at)]
  },

  '0x1::type_name::with_defining_ids': (call, [type]) => [[typeName(call, type!, address => address)]],
  '0x1::type_name::with_original_ids': (call, [type]) => [
    [typeName(call, type!, address => originalOf(call.vm, address))],
  ],
  '0x1::type_name::defining_id': (_call, [type]) => {
    if (type!.kind !== 'datatype') throw new NativeAbort(NO_MODULE)
    return [type!.address]
  },
  '0x1::type_name::original_id': ({ vm }, [type]) => {
    if (type!.kind !== 'datatype') throw new NativeAbort(NO_MODULE)
    return [originalOf(vm, type!.address)]
  },

  '0x1::debug::print': () => [],
  '0x1::debug::print_stack_trace': () => [],

  '0x1::vector::empty': ({ context }) => {
    context.meter.allocate(bytesOfArray(0))
    return [[]]
  },
  '0x1::vector::length': (_call, _types, [vector]) => [
    BigInt(((vector as Reference).value as Value[]).length),
  ],
  '0x1::vector::borrow': (_call, _types, [vector, index]) => [element(vector, index)],
  '0x1::vector::borrow_mut': (_call, _types, [vector, index]) => [element(vector, index)],
  '0x1::vector::push_back': ({ context }, _types, [vector, value]) => {
    const elements = (vector as Reference).value as Value[]
    if (elements.length >= MAX_VECTOR_LENGTH) throw vectorError(4)
    context.meter.allocate(elements.length === 0 ? bytesOfArray(17) : 10 * SLOT_BYTES)
    elements.push(value!)
    return []
  },
  '0x1::vector::pop_back': (_call, _types, [vector]) => {
    const value = ((vector as Reference).value as Value[]).pop()
    if (value === undefined) throw vectorError(2)
    return [value]
  },
  '0x1::vector::destroy_empty': (_call, _types, [vector]) => {
    if ((vector as Value[]).length > 0) throw vectorError(3)
    return []
  },
  '0x1::vector::swap': (_call, _types, [vector, a, b]) => {
    const first = element(vector, a)
    const second = element(vector, b)
    const value = first.value
    first.value = second.value
    second.value = value
    return []
  },
}
