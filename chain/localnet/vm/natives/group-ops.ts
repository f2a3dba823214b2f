import { bls12_381 } from '@noble/curves/bls12-381.js'
import { charge } from '../copy.ts'
import type { NativeCall, NativeTable } from '../types.ts'
import { bytesToValue, type Reference, type Value } from '../values.ts'
import { bytesBehind, bytesIn } from './arguments.ts'
import {
  type Group,
  g1,
  g2,
  groupIds,
  gt,
  inputTooLong,
  invalidInput,
  invert,
  pairing,
  scalars,
  uncompressedG1,
  zeroG1,
} from './groups.ts'

/** Sui's domains for hashing to the curve. */
const domains = {
  g1: 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_',
  g2: 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_',
}
const maxProducts = 32 // Sui's bls12381_msm_max_len
const maxTerms = 1200 // Sui's uncompressed_g1_sum_max_terms

/** Steps that an operation takes, so that a loop of them ends: about what an instruction of the same duration would. */
const costs = { scalar: 50, add: 20_000, multiply: 100_000, hash: 100_000, pairing: 1_000_000, decode: 500 }

type Operation = <Element>(group: Group<Element>) => Uint8Array

/** Runs an operation in the group that an ID names. */
function inGroup(
  { context }: NativeCall,
  id: Value | undefined,
  cost: number,
  operation: Operation,
): Value[] {
  const { meter } = context
  if (id === groupIds.scalar) {
    charge(meter, costs.scalar)
    return [bytesToValue(operation(scalars))]
  }
  charge(meter, cost)
  if (id === groupIds.g1) return [bytesToValue(operation(g1))]
  if (id === groupIds.g2) return [bytesToValue(operation(g2))]
  if (id === groupIds.gt) return [bytesToValue(operation(gt))]
  throw invalidInput()
}

/** Cuts bytes into elements of one length. */
function chunks(bytes: Uint8Array, length: number): Uint8Array[] {
  if (bytes.length === 0 || bytes.length % length !== 0) throw invalidInput()
  return Array.from({ length: bytes.length / length }, (_, i) => bytes.subarray(i * length, (i + 1) * length))
}

function sumOfProducts<Element>(
  call: NativeCall,
  group: Group<Element>,
  length: number,
  factors: Uint8Array,
  points: Uint8Array,
): Value[] {
  const scalarParts = chunks(factors, 32)
  const pointParts = chunks(points, length)
  if (scalarParts.length !== pointParts.length) throw invalidInput()
  if (pointParts.length > maxProducts) throw inputTooLong()
  charge(call.context.meter, costs.multiply * pointParts.length)
  const products = pointParts.map((part, i) =>
    group.multiply(scalars.decode(scalarParts[i]!), group.decode(part)),
  )
  return [bytesToValue(group.encode(products.reduce((sum, product) => group.add(sum, product))))]
}

export const groupNatives: NativeTable = {
  '0x2::group_ops::internal_validate': (call, _types, [id, bytes]) => {
    const data = bytesBehind(call, bytes)
    charge(call.context.meter, costs.multiply)
    if (id === groupIds.scalar) return [scalars.isValid(data)]
    if (id === groupIds.g1) return [g1.isValid(data)]
    if (id === groupIds.g2) return [g2.isValid(data)]
    return [false]
  },
  '0x2::group_ops::internal_add': (call, _types, [id, a, b]) =>
    inGroup(call, id, costs.add, group =>
      group.encode(group.add(group.decode(bytesBehind(call, a)), group.decode(bytesBehind(call, b)))),
    ),
  '0x2::group_ops::internal_sub': (call, _types, [id, a, b]) =>
    inGroup(call, id, costs.add, group =>
      group.encode(group.subtract(group.decode(bytesBehind(call, a)), group.decode(bytesBehind(call, b)))),
    ),
  '0x2::group_ops::internal_mul': (call, _types, [id, scalar, element]) =>
    inGroup(call, id, costs.multiply, group =>
      group.encode(
        group.multiply(scalars.decode(bytesBehind(call, scalar)), group.decode(bytesBehind(call, element))),
      ),
    ),
  '0x2::group_ops::internal_div': (call, _types, [id, scalar, element]) =>
    inGroup(call, id, costs.multiply, group =>
      group.encode(
        group.multiply(
          invert(scalars.decode(bytesBehind(call, scalar))),
          group.decode(bytesBehind(call, element)),
        ),
      ),
    ),
  '0x2::group_ops::internal_hash_to': (call, _types, [id, message]) => {
    const data = bytesBehind(call, message)
    if (data.length === 0) throw invalidInput()
    charge(call.context.meter, costs.hash)
    if (id === groupIds.g1)
      return [bytesToValue(bls12_381.G1.hashToCurve(data, { DST: domains.g1 }).toBytes(true))]
    if (id === groupIds.g2)
      return [bytesToValue(bls12_381.G2.hashToCurve(data, { DST: domains.g2 }).toBytes(true))]
    throw invalidInput()
  },
  '0x2::group_ops::internal_multi_scalar_mul': (call, _types, [id, factors, elements]) => {
    const scalarBytes = bytesBehind(call, factors)
    const points = bytesBehind(call, elements)
    if (id === groupIds.g1) return sumOfProducts(call, g1, 48, scalarBytes, points)
    if (id === groupIds.g2) return sumOfProducts(call, g2, 96, scalarBytes, points)
    throw invalidInput()
  },
  '0x2::group_ops::internal_pairing': (call, _types, [id, a, b]) => {
    if (id !== groupIds.g1) throw invalidInput()
    charge(call.context.meter, costs.pairing)
    const result = pairing(g1.decode(bytesBehind(call, a)), g2.decode(bytesBehind(call, b)))
    return [bytesToValue(gt.encode(result))]
  },
  '0x2::group_ops::internal_convert': (call, _types, [from, to, element]) => {
    const bytes = bytesBehind(call, element)
    charge(call.context.meter, costs.add)
    if (from === groupIds.uncompressedG1 && to === groupIds.g1)
      return [bytesToValue(uncompressedG1.compress(uncompressedG1.decode(bytes)))]
    if (from === groupIds.g1 && to === groupIds.uncompressedG1)
      return [bytesToValue(uncompressedG1.encode(g1.decode(bytes)))]
    throw invalidInput()
  },
  '0x2::group_ops::internal_sum': (call, _types, [id, terms]) => {
    if (id !== groupIds.uncompressedG1) throw invalidInput()
    const parts = (terms as Reference).value as Value[]
    if (parts.length > maxTerms) throw inputTooLong()
    charge(call.context.meter, costs.add + costs.decode * parts.length)
    let sum = zeroG1
    for (const part of parts) sum = sum.add(uncompressedG1.decode(bytesIn(call, part)))
    return [bytesToValue(uncompressedG1.encode(sum))]
  },
}
