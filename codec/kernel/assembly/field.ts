/**
 * GF(2^16), polynomial 0x1002D, in the Cantor basis b0..b15 (Lin, Chung, Han: "Novel polynomial basis and its
 * application to Reed-Solomon erasure codes", and the code Leopard-RS). Two facts make it fast here:
 *
 * 1. The values below 256 are a subfield, GF(256), and b8^2 + b8 = b7. So an element is hi * b8 + lo with hi and lo in
 *    GF(256), after one change of basis: `lo ^= Delta(hi)`. Delta is its own inverse. Elements are kept as shards of 32
 *    bytes: 16 times lo, then 16 times hi.
 * 2. A factor below 256 then multiplies lo and hi independently, and each product of a byte is two table look-ups by
 *    nibbles (shuffles). A general factor c1 * b8 + c0 takes three products of bytes, by Karatsuba:
 *        lo' = c0 lo + kappa c1 hi            with kappa = b7
 *        hi' = c0 lo + (c0 + c1) (lo + hi)
 */
import { deltaTable, gf256, kappaTable, masks } from './config'

/** Sixteen table look-ups; indices are always below 16, so the relaxed form is deterministic. */
// @ts-ignore: decorator
@inline
export function lookup(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices)
  return i8x16.swizzle(table, indices)
}

/** Sixteen bytes times a constant, whose products with low and high nibbles are `low` and `high`. */
// @ts-ignore: decorator
@inline
export function multiply(v: v128, low: v128, high: v128, nibble: v128): v128 {
  return v128.xor(lookup(low, v128.and(v, nibble)), lookup(high, v128.and(i64x2.shr_u(v, 4), nibble)))
}

// @ts-ignore: decorator
@inline
export function lowTable(c: i32): v128 {
  return v128.load(gf256 + <usize>(c << 5))
}

// @ts-ignore: decorator
@inline
export function highTable(c: i32): v128 {
  return v128.load(gf256 + <usize>(c << 5), 16)
}

// @ts-ignore: decorator
@inline
export function nibbleMask(): v128 {
  return v128.load(masks, 32)
}

/** The product with kappa. */
// @ts-ignore: decorator
@inline
export function timesKappa(c: i32): i32 {
  return <i32>load<u8>(kappaTable + <usize>c)
}

/** The lower tower coordinate of a value in the Cantor basis; the upper one is value >> 8. */
// @ts-ignore: decorator
@inline
export function towerLow(value: i32): i32 {
  const high = value >> 8
  return (
    (value & 255) ^
    <i32>load<u8>(deltaTable + <usize>(high & 15)) ^
    <i32>load<u8>(deltaTable + 16 + <usize>(high >> 4))
  )
}

/** to ^= from, `length` bytes, a multiple of 32. */
export function addInto(to: usize, from: usize, length: usize): void {
  const end = to + length
  while (to < end) {
    v128.store(to, v128.xor(v128.load(to), v128.load(from)))
    v128.store(to, v128.xor(v128.load(to, 16), v128.load(from, 16)), 16)
    to += 32
    from += 32
  }
}

/** x *= c1 * b8 + c0, in place. */
export function scale(x: usize, length: usize, c0: i32, c1: i32): void {
  const end = x + length
  const nibble = nibbleMask()
  const k = timesKappa(c1)
  const sum = c0 ^ c1
  const t0 = lowTable(c0), t1 = highTable(c0)
  const t2 = lowTable(k), t3 = highTable(k)
  const t4 = lowTable(sum), t5 = highTable(sum)
  while (x < end) {
    const lo = v128.load(x), hi = v128.load(x, 16)
    const a0 = v128.and(lo, nibble), a1 = v128.and(i64x2.shr_u(lo, 4), nibble)
    const b0 = v128.and(hi, nibble), b1 = v128.and(i64x2.shr_u(hi, 4), nibble)
    const common = v128.xor(lookup(t0, a0), lookup(t1, a1))
    v128.store(x, v128.xor(common, v128.xor(lookup(t2, b0), lookup(t3, b1))))
    v128.store(x, v128.xor(common, v128.xor(lookup(t4, v128.xor(a0, b0)), lookup(t5, v128.xor(a1, b1)))), 16)
    x += 32
  }
}
