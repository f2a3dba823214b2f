/**
 * Two layers of butterflies at once: four shards a, b, c, d that lie `length` bytes apart pass through registers. Every
 * twiddle here is in GF(256), so that low and high bytes need no telling apart. `t02` belongs to the layer of (a, c) and
 * (b, d); `t01` and `t23` to the layer of (a, b) and (c, d). The variants leave out what is zero or not needed.
 */
import { addInto, highTable, lowTable, multiply, nibbleMask } from './field'

export function forward4(a: usize, length: usize, t01: i32, t23: i32, t02: i32): void {
  let b = a + length, c = b + length, d = c + length
  const end = b
  const m = nibbleMask()
  const u0 = lowTable(t02), u1 = highTable(t02)
  const v0 = lowTable(t01), v1 = highTable(t01)
  const w0 = lowTable(t23), w1 = highTable(t23)
  while (a < end) {
    let A = v128.load(a), B = v128.load(b), C = v128.load(c), D = v128.load(d)
    A = v128.xor(A, multiply(C, u0, u1, m))
    B = v128.xor(B, multiply(D, u0, u1, m))
    C = v128.xor(C, A)
    D = v128.xor(D, B)
    A = v128.xor(A, multiply(B, v0, v1, m))
    B = v128.xor(B, A)
    C = v128.xor(C, multiply(D, w0, w1, m))
    D = v128.xor(D, C)
    v128.store(a, A)
    v128.store(b, B)
    v128.store(c, C)
    v128.store(d, D)
    a += 16
    b += 16
    c += 16
    d += 16
  }
}

/** t01 = t02 = 0: the first group of a transform. */
export function forward4First(a: usize, length: usize, t23: i32): void {
  let b = a + length, c = b + length, d = c + length
  const end = b
  const m = nibbleMask(), w0 = lowTable(t23), w1 = highTable(t23)
  while (a < end) {
    const A = v128.load(a), B = v128.load(b)
    let C = v128.xor(v128.load(c), A)
    const D = v128.xor(v128.load(d), B)
    C = v128.xor(C, multiply(D, w0, w1, m))
    v128.store(b, v128.xor(B, A))
    v128.store(c, C)
    v128.store(d, v128.xor(D, C))
    a += 16
    b += 16
    c += 16
    d += 16
  }
}

/** Only a and b are needed. */
export function forward4Upper(a: usize, length: usize, t01: i32, t02: i32): void {
  let b = a + length, c = b + length, d = c + length
  const end = b
  if (t01 == 0 && t02 == 0) {
    addInto(b, a, length)
    return
  }
  const m = nibbleMask()
  const u0 = lowTable(t02), u1 = highTable(t02)
  const v0 = lowTable(t01), v1 = highTable(t01)
  while (a < end) {
    let A = v128.xor(v128.load(a), multiply(v128.load(c), u0, u1, m))
    const B = v128.xor(v128.load(b), multiply(v128.load(d), u0, u1, m))
    A = v128.xor(A, multiply(B, v0, v1, m))
    v128.store(a, A)
    v128.store(b, v128.xor(B, A))
    a += 16
    b += 16
    c += 16
    d += 16
  }
}

export function backward4(a: usize, length: usize, t01: i32, t23: i32, t02: i32): void {
  let b = a + length, c = b + length, d = c + length
  const end = b
  const m = nibbleMask()
  const u0 = lowTable(t02), u1 = highTable(t02)
  const v0 = lowTable(t01), v1 = highTable(t01)
  const w0 = lowTable(t23), w1 = highTable(t23)
  while (a < end) {
    let A = v128.load(a), B = v128.load(b), C = v128.load(c), D = v128.load(d)
    B = v128.xor(B, A)
    A = v128.xor(A, multiply(B, v0, v1, m))
    D = v128.xor(D, C)
    C = v128.xor(C, multiply(D, w0, w1, m))
    C = v128.xor(C, A)
    D = v128.xor(D, B)
    A = v128.xor(A, multiply(C, u0, u1, m))
    B = v128.xor(B, multiply(D, u0, u1, m))
    v128.store(a, A)
    v128.store(b, B)
    v128.store(c, C)
    v128.store(d, D)
    a += 16
    b += 16
    c += 16
    d += 16
  }
}

/** t01 = t02 = 0: the first group of a transform. */
export function backward4First(a: usize, length: usize, t23: i32): void {
  let b = a + length, c = b + length, d = c + length
  const end = b
  const m = nibbleMask(), w0 = lowTable(t23), w1 = highTable(t23)
  while (a < end) {
    const A = v128.load(a), B = v128.xor(v128.load(b), A)
    let C = v128.load(c)
    const D = v128.xor(v128.load(d), C)
    C = v128.xor(C, multiply(D, w0, w1, m))
    v128.store(b, B)
    v128.store(c, v128.xor(C, A))
    v128.store(d, v128.xor(D, B))
    a += 16
    b += 16
    c += 16
    d += 16
  }
}

/** c and d are zero; their memory may hold anything. */
export function backward4Upper(a: usize, length: usize, t01: i32, t02: i32): void {
  let b = a + length, c = b + length, d = c + length
  const end = b
  const m = nibbleMask()
  const u0 = lowTable(t02), u1 = highTable(t02)
  const v0 = lowTable(t01), v1 = highTable(t01)
  while (a < end) {
    let A = v128.load(a)
    const B = v128.xor(v128.load(b), A)
    A = v128.xor(A, multiply(B, v0, v1, m))
    v128.store(c, A)
    v128.store(d, B)
    v128.store(a, v128.xor(A, multiply(A, u0, u1, m)))
    v128.store(b, v128.xor(B, multiply(B, u0, u1, m)))
    a += 16
    b += 16
    c += 16
    d += 16
  }
}
