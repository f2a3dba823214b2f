import { createHash } from 'node:crypto'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import type { NativeCall, NativeFunction, NativeTable } from '../types.ts'
import type { Reference, Value } from '../values.ts'
import { bytesBehind, bytesIn, bytesOut, u64Bytes } from './arguments.ts'
import {
  GROUP_IDS,
  type Group,
  g1,
  g2,
  gt,
  inputTooLong,
  invalidInput,
  invert,
  pairing,
  scalars,
  UNCOMPRESSED_G1,
  ZERO_G1,
} from './groups.ts'
import { Memory } from './memory.ts'

/** Sui's domains for hashing to the curve. */
const DOMAINS = {
  g1: 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_',
  g2: 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_',
}
const MAX_PRODUCTS = 32 // Sui's bls12381_msm_max_len
const MAX_TERMS = 1200 // Sui's uncompressed_g1_sum_max_terms

/** Steps that an operation takes, so that a loop of them ends: about what an instruction of the same duration would. */
const COSTS = { scalar: 50, add: 20_000, multiply: 100_000, hash: 100_000, pairing: 1_000_000, term: 500 }

/** Results to remember: the same keys, messages and certificates are met again and again. */
const REMEMBERED_RESULTS = 2048

/** Runs a computation in the group that an ID names. */
function inGroup(id: number, compute: <Element>(group: Group<Element>) => Uint8Array): Uint8Array {
  if (id === GROUP_IDS.scalar) return compute(scalars)
  if (id === GROUP_IDS.g1) return compute(g1)
  if (id === GROUP_IDS.g2) return compute(g2)
  if (id === GROUP_IDS.gt) return compute(gt)
  throw invalidInput()
}

/** Cuts bytes into elements of one length. */
function chunks(bytes: Uint8Array, length: number): Uint8Array[] {
  if (bytes.length === 0 || bytes.length % length !== 0) throw invalidInput()
  return Array.from({ length: bytes.length / length }, (_, i) => bytes.subarray(i * length, (i + 1) * length))
}

function sumOfProducts<Element>(
  group: Group<Element>,
  length: number,
  factors: Uint8Array,
  points: Uint8Array,
): Uint8Array {
  const scalarParts = chunks(factors, 32)
  const pointParts = chunks(points, length)
  if (scalarParts.length !== pointParts.length) throw invalidInput()
  if (pointParts.length > MAX_PRODUCTS) throw inputTooLong()
  const products = pointParts.map((part, i) =>
    group.multiply(scalars.decode(scalarParts[i]!), group.decode(part)),
  )
  return group.encode(products.reduce((sum, product) => group.add(sum, product)))
}

interface Operation {
  /** steps, for the group and the length of the last operand */
  cost: (id: number, length: number) => number
  run: (id: number, a: Uint8Array, b: Uint8Array) => Uint8Array | boolean
}

const costOf =
  (steps: number) =>
  (id: number): number =>
    id === GROUP_IDS.scalar ? COSTS.scalar : steps

const operations: Record<string, Operation> = {
  validate: {
    cost: costOf(COSTS.multiply),
    run: (id, bytes) => {
      if (id === GROUP_IDS.scalar) return scalars.isValid(bytes)
      if (id === GROUP_IDS.g1) return g1.isValid(bytes)
      return id === GROUP_IDS.g2 && g2.isValid(bytes)
    },
  },
  add: {
    cost: costOf(COSTS.add),
    run: (id, a, b) => inGroup(id, group => group.encode(group.add(group.decode(a), group.decode(b)))),
  },
  sub: {
    cost: costOf(COSTS.add),
    run: (id, a, b) => inGroup(id, group => group.encode(group.subtract(group.decode(a), group.decode(b)))),
  },
  mul: {
    cost: costOf(COSTS.multiply),
    run: (id, scalar, element) =>
      inGroup(id, group => group.encode(group.multiply(scalars.decode(scalar), group.decode(element)))),
  },
  div: {
    cost: costOf(COSTS.multiply),
    run: (id, scalar, element) =>
      inGroup(id, group =>
        group.encode(group.multiply(invert(scalars.decode(scalar)), group.decode(element))),
      ),
  },
  hash_to: {
    cost: () => COSTS.hash,
    run: (id, message) => {
      if (message.length === 0) throw invalidInput()
      if (id === GROUP_IDS.g1) return g1.encode(bls12_381.G1.hashToCurve(message, { DST: DOMAINS.g1 }))
      if (id === GROUP_IDS.g2) return g2.encode(bls12_381.G2.hashToCurve(message, { DST: DOMAINS.g2 }))
      throw invalidInput()
    },
  },
  multi_scalar_mul: {
    cost: (_id, length) => COSTS.multiply * Math.min(MAX_PRODUCTS, Math.ceil(length / 48)),
    run: (id, factors, elements) => {
      if (id === GROUP_IDS.g1) return sumOfProducts(g1, 48, factors, elements)
      if (id === GROUP_IDS.g2) return sumOfProducts(g2, 96, factors, elements)
      throw invalidInput()
    },
  },
  pairing: {
    cost: () => COSTS.pairing,
    run: (id, a, b) => {
      if (id !== GROUP_IDS.g1) throw invalidInput()
      return gt.encode(pairing(g1.decode(a), g2.decode(b)))
    },
  },
}

function convert(from: number, to: number, element: Uint8Array): Uint8Array {
  if (from === GROUP_IDS.uncompressedG1 && to === GROUP_IDS.g1)
    return UNCOMPRESSED_G1.compress(UNCOMPRESSED_G1.decode(element))
  if (from === GROUP_IDS.g1 && to === GROUP_IDS.uncompressedG1)
    return UNCOMPRESSED_G1.encode(g1.decode(element))
  throw invalidInput()
}

/** As short for long messages as for short ones. */
function keyOf(name: string, ...parts: (number | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts)
    if (typeof part === 'number') hash.update(u64Bytes(BigInt(part)))
    else hash.update(u64Bytes(BigInt(part.length))).update(part)
  return `${name} ${hash.digest('base64')}`
}

/** The natives of `sui::group_ops` for one VM. What was computed before costs the same steps again. */
export function groupNatives(): NativeTable {
  const memory = new Memory<Uint8Array | boolean>(REMEMBERED_RESULTS)
  const recall = (call: NativeCall, key: string, compute: () => Uint8Array | boolean): Value[] => {
    const result = memory.get(key, compute)
    return [typeof result === 'boolean' ? result : bytesOut(call, result)]
  }
  const native =
    (name: string, { cost, run }: Operation): NativeFunction =>
    (call, _types, [group, ...operands]) => {
      const id = group as number
      const [a = new Uint8Array(), b = new Uint8Array()] = operands.map(operand => bytesBehind(call, operand))
      call.context.meter.charge(cost(id, b.length))
      return recall(call, keyOf(name, id, a, b), () => run(id, a, b))
    }

  return {
    ...Object.fromEntries(
      Object.entries(operations).map(([name, operation]) => [
        `0x2::group_ops::internal_${name}`,
        native(name, operation),
      ]),
    ),
    '0x2::group_ops::internal_convert': (call, _types, [from, to, element]) => {
      const bytes = bytesBehind(call, element)
      call.context.meter.charge(COSTS.add)
      const ids = [from as number, to as number] as const
      return recall(call, keyOf('convert', ...ids, bytes), () => convert(...ids, bytes))
    },
    '0x2::group_ops::internal_sum': (call, _types, [id, terms]) => {
      if (id !== GROUP_IDS.uncompressedG1) throw invalidInput()
      const parts = (terms as Reference).value as Value[]
      if (parts.length > MAX_TERMS) throw inputTooLong()
      call.context.meter.charge(COSTS.add + COSTS.term * parts.length)
      let sum = ZERO_G1
      for (const part of parts) sum = sum.add(UNCOMPRESSED_G1.decode(bytesIn(call, part)))
      return [bytesOut(call, UNCOMPRESSED_G1.encode(sum))]
    },
  }
}
