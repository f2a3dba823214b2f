import { ChainError } from '../errors.ts'

const COORDINATE_BYTES = 48
const COMPRESSED = 0x80
const INFINITY = 0x40
const LARGER_Y = 0x20
/** (p - 1) / 2 of the BLS12-381 base field: a y above it is the larger of the two roots. */
const HALF_P =
  0x0d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555n

/**
 * The 48 bytes of a BLS public key. Move keeps `Element<UncompressedG1>` (x and y, 96 bytes, flags in the first three
 * bits), messages and signatures use the compressed form: x, a flag, and which of the two roots y is.
 */
export function compressG1(point: Uint8Array): Uint8Array {
  if (point.length === COORDINATE_BYTES) return point.slice()
  if (point.length !== 2 * COORDINATE_BYTES) {
    throw new ChainError('MALFORMED', 'a G1 point is 48 or 96 bytes', { what: 'G1 point' })
  }
  const out = point.slice(0, COORDINATE_BYTES)
  out[0]! |= COMPRESSED
  if ((point[0]! & INFINITY) === 0 && toBigInt(point.subarray(COORDINATE_BYTES)) > HALF_P) out[0]! |= LARGER_Y
  return out
}

function toBigInt(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}
