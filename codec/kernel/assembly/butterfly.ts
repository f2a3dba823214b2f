/**
 * Butterflies of two shards x and y that lie `length` bytes apart.
 *   forward: x += t y, then y += x          backward: y += x, then x += t y
 */
import { addInto, highTable, lookup, lowTable, multiply, nibbleMask, timesKappa, towerLow } from './field'

/** Forward butterfly with any twiddle, given in the Cantor basis. */
// @ts-ignore: decorator
@inline
export function forward(x: usize, length: usize, twiddle: i32): void {
  if (twiddle < 256) forwardSubfield(x, length, twiddle)
  else forwardGeneral(x, length, towerLow(twiddle), twiddle >> 8)
}

/** Backward butterfly with any twiddle, given in the Cantor basis. */
// @ts-ignore: decorator
@inline
export function backward(x: usize, length: usize, twiddle: i32): void {
  if (twiddle < 256) backwardSubfield(x, length, twiddle)
  else backwardGeneral(x, length, towerLow(twiddle), twiddle >> 8)
}

function forwardSubfield(x: usize, length: usize, c: i32): void {
  let y = x + length
  if (c == 0) {
    addInto(y, x, length)
    return
  }
  const end = y
  const nibble = nibbleMask(), low = lowTable(c), high = highTable(c)
  while (x < end) {
    let a = v128.load(x), a2 = v128.load(x, 16)
    const b = v128.load(y), b2 = v128.load(y, 16)
    a = v128.xor(a, multiply(b, low, high, nibble))
    a2 = v128.xor(a2, multiply(b2, low, high, nibble))
    v128.store(x, a)
    v128.store(y, v128.xor(a, b))
    v128.store(x, a2, 16)
    v128.store(y, v128.xor(a2, b2), 16)
    x += 32
    y += 32
  }
}

function backwardSubfield(x: usize, length: usize, c: i32): void {
  let y = x + length
  if (c == 0) {
    addInto(y, x, length)
    return
  }
  const end = y
  const nibble = nibbleMask(), low = lowTable(c), high = highTable(c)
  while (x < end) {
    const a = v128.load(x), a2 = v128.load(x, 16)
    const b = v128.xor(a, v128.load(y)), b2 = v128.xor(a2, v128.load(y, 16))
    v128.store(y, b)
    v128.store(y, b2, 16)
    v128.store(x, v128.xor(a, multiply(b, low, high, nibble)))
    v128.store(x, v128.xor(a2, multiply(b2, low, high, nibble)), 16)
    x += 32
    y += 32
  }
}

function forwardGeneral(x: usize, length: usize, c0: i32, c1: i32): void {
  let y = x + length
  const end = y
  const nibble = nibbleMask()
  const k = timesKappa(c1), sum = c0 ^ c1
  const t0 = lowTable(c0), t1 = highTable(c0)
  const t2 = lowTable(k), t3 = highTable(k)
  const t4 = lowTable(sum), t5 = highTable(sum)
  while (x < end) {
    const yl = v128.load(y), yh = v128.load(y, 16)
    const a0 = v128.and(yl, nibble), a1 = v128.and(i64x2.shr_u(yl, 4), nibble)
    const b0 = v128.and(yh, nibble), b1 = v128.and(i64x2.shr_u(yh, 4), nibble)
    const common = v128.xor(lookup(t0, a0), lookup(t1, a1))
    const xl = v128.xor(v128.load(x), v128.xor(common, v128.xor(lookup(t2, b0), lookup(t3, b1))))
    v128.store(x, xl)
    v128.store(y, v128.xor(yl, xl))
    const mixed = v128.xor(lookup(t4, v128.xor(a0, b0)), lookup(t5, v128.xor(a1, b1)))
    const xh = v128.xor(v128.load(x, 16), v128.xor(common, mixed))
    v128.store(x, xh, 16)
    v128.store(y, v128.xor(yh, xh), 16)
    x += 32
    y += 32
  }
}

function backwardGeneral(x: usize, length: usize, c0: i32, c1: i32): void {
  let y = x + length
  const end = y
  const nibble = nibbleMask()
  const k = timesKappa(c1), sum = c0 ^ c1
  const t0 = lowTable(c0), t1 = highTable(c0)
  const t2 = lowTable(k), t3 = highTable(k)
  const t4 = lowTable(sum), t5 = highTable(sum)
  while (x < end) {
    const xl = v128.load(x), xh = v128.load(x, 16)
    const yl = v128.xor(v128.load(y), xl), yh = v128.xor(v128.load(y, 16), xh)
    v128.store(y, yl)
    v128.store(y, yh, 16)
    const a0 = v128.and(yl, nibble), a1 = v128.and(i64x2.shr_u(yl, 4), nibble)
    const b0 = v128.and(yh, nibble), b1 = v128.and(i64x2.shr_u(yh, 4), nibble)
    const common = v128.xor(lookup(t0, a0), lookup(t1, a1))
    v128.store(x, v128.xor(xl, v128.xor(common, v128.xor(lookup(t2, b0), lookup(t3, b1)))))
    const mixed = v128.xor(lookup(t4, v128.xor(a0, b0)), lookup(t5, v128.xor(a1, b1)))
    v128.store(x, v128.xor(xh, v128.xor(common, mixed)), 16)
    x += 32
    y += 32
  }
}
