import { bls12_381 } from '@noble/curves/bls12-381.js'
import { NativeAbort } from '../errors.ts'

/** What `sui::group_ops` passes as the type of its operands. */
export const GROUP_IDS = { scalar: 0, g1: 1, g2: 2, gt: 3, uncompressedG1: 4 } as const

export const invalidInput = (): NativeAbort => new NativeAbort(1)
export const inputTooLong = (): NativeAbort => new NativeAbort(2)

/** A group (or the scalar field) in additive notation, with Sui's encodings. */
export interface Group<Element> {
  /** Throws on bytes that are no element; of a curve, any point on it is taken. */
  decode(bytes: Uint8Array): Element
  encode(element: Element): Uint8Array
  /** Whether untrusted bytes are an element of the group of prime order. */
  isValid(bytes: Uint8Array): boolean
  add(a: Element, b: Element): Element
  subtract(a: Element, b: Element): Element
  multiply(scalar: bigint, element: Element): Element
}

const { Fr, Fp12 } = bls12_381.fields
const { Point: G1 } = bls12_381.G1
const { Point: G2 } = bls12_381.G2
type G1Point = InstanceType<typeof G1>
type G2Point = InstanceType<typeof G2>
export type Target = ReturnType<typeof bls12_381.pairing>

const holds = (check: () => void): boolean => {
  try {
    check()
    return true
  } catch {
    return false
  }
}

const expectLength = (bytes: Uint8Array, length: number): Uint8Array => {
  if (bytes.length !== length) throw invalidInput()
  return bytes
}

/** 32 bytes, big-endian, below the group order. */
export const scalars: Group<bigint> = {
  decode: bytes => {
    const value = BigInt(`0x${Buffer.from(expectLength(bytes, 32)).toString('hex')}`)
    if (value >= Fr.ORDER) throw invalidInput()
    return value
  },
  encode: element => Uint8Array.from(Buffer.from(element.toString(16).padStart(64, '0'), 'hex')),
  isValid: bytes => holds(() => scalars.decode(bytes)),
  add: (a, b) => Fr.add(a, b),
  subtract: (a, b) => Fr.sub(a, b),
  multiply: (scalar, element) => Fr.mul(scalar, element),
}

/** The inverse of a scalar; zero has none. */
export function invert(scalar: bigint): bigint {
  if (scalar === 0n) throw invalidInput()
  return Fr.inv(scalar)
}

interface CurvePoint<Self> {
  add(other: Self): Self
  subtract(other: Self): Self
  multiplyUnsafe(scalar: bigint): Self
  is0(): boolean
  toBytes(isCompressed?: boolean): Uint8Array
}

/** Compressed points in the encoding of Zcash; the first byte's top bits are flags. Decoding checks the subgroup. */
function curve<Point extends CurvePoint<Point>>(
  Points: { fromBytes(bytes: Uint8Array): Point; ZERO: Point },
  length: number,
): Group<Point> {
  return {
    decode: bytes => {
      expectLength(bytes, length)
      try {
        return Points.fromBytes(bytes)
      } catch {
        throw invalidInput()
      }
    },
    encode: element => (element.is0() ? Points.ZERO : element).toBytes(true),
    isValid: bytes => holds(() => Points.fromBytes(expectLength(bytes, length))),
    add: (a, b) => a.add(b),
    subtract: (a, b) => a.subtract(b),
    multiply: (scalar, element) => element.multiplyUnsafe(scalar),
  }
}

export const g1: Group<G1Point> = curve(G1, 48)
export const g2: Group<G2Point> = curve(G2, 96)
export const ZERO_G1 = G1.ZERO

const FIELD = 48
const FLAGS = { compressed: 0x80, infinity: 0x40, largerY: 0x20 }
const toField = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
const fromField = (value: bigint): Uint8Array =>
  Buffer.from(value.toString(16).padStart(2 * FIELD, '0'), 'hex')

/**
 * x and y of a point in G1, 96 bytes. Only the framework makes them, from points that it has
 * checked; so they are taken as they are, which makes sums of many keys cheap.
 */
export const UNCOMPRESSED_G1 = {
  decode(bytes: Uint8Array): G1Point {
    expectLength(bytes, 2 * FIELD)
    if ((bytes[0]! & FLAGS.infinity) !== 0) return G1.ZERO
    return G1.fromAffine({ x: toField(bytes.subarray(0, FIELD)), y: toField(bytes.subarray(FIELD)) })
  },
  encode(point: G1Point): Uint8Array {
    const bytes = new Uint8Array(2 * FIELD)
    if (point.is0()) {
      bytes[0] = FLAGS.infinity
      return bytes
    }
    const { x, y } = point.toAffine()
    bytes.set(fromField(x))
    bytes.set(fromField(y), FIELD)
    return bytes
  },
  /** As `g1.encode`, without its checks. */
  compress(point: G1Point): Uint8Array {
    const bytes = new Uint8Array(FIELD)
    if (point.is0()) {
      bytes[0] = FLAGS.compressed | FLAGS.infinity
      return bytes
    }
    const { x, y } = point.toAffine()
    bytes.set(fromField(x))
    bytes[0]! |= FLAGS.compressed | (y * 2n > bls12_381.fields.Fp.ORDER ? FLAGS.largerY : 0)
    return bytes
  },
}

const COEFFICIENT = 48
/** Where each of the 12 coefficients of noble's encoding stands in Sui's. */
const ORDER = [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]

/** The target group of the pairing, written additively: 12 coefficients of 48 bytes, big-endian. */
export const gt: Group<Target> = {
  decode: bytes => {
    expectLength(bytes, 12 * COEFFICIENT)
    const native = new Uint8Array(bytes.length)
    ORDER.forEach((from, i) => {
      native.set(bytes.subarray(i * COEFFICIENT, (i + 1) * COEFFICIENT), from * COEFFICIENT)
    })
    try {
      return Fp12.fromBytes(native)
    } catch {
      throw invalidInput()
    }
  },
  encode: element => {
    const native = Fp12.toBytes(element)
    const bytes = new Uint8Array(native.length)
    ORDER.forEach((from, i) => {
      bytes.set(native.subarray(from * COEFFICIENT, (from + 1) * COEFFICIENT), i * COEFFICIENT)
    })
    return bytes
  },
  isValid: () => false, // Sui does not offer it
  add: (a, b) => Fp12.mul(a, b),
  subtract: (a, b) => Fp12.mul(a, Fp12.inv(b)),
  multiply: (scalar, element) => Fp12.pow(element, scalar),
}

export const pairing = (a: G1Point, b: G2Point): Target =>
  a.is0() || b.is0() ? Fp12.ONE : bls12_381.pairing(a, b)
