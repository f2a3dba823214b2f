/**
 * The additive FFT over shards of W bytes, and the Reed-Solomon code that it gives. A transform takes the coefficients
 * of a polynomial (in the novel basis) to its values at `delta`, `delta + 1`, ...; in the Cantor basis the twiddle of
 * the group that starts at r, in the layer of distance 2^i, is simply the value (r + delta) >> i.
 *
 * Both directions are truncated: groups whose outputs nobody needs, or whose inputs are all zero, are left out.
 */
import { backward, forward } from './butterfly'
import { backward4, backward4First, backward4Upper, forward4, forward4First, forward4Upper } from './butterfly4'
import { work, workRepair } from './config'
import { addInto } from './field'

/** Bytes of one work shard: a multiple of 32. */
export let W: usize = 0

export function setShardLength(length: usize): void {
  W = length
}

/** Forward transform of `size` shards (a power of two); only the outputs in [from, to) will be right. */
export function fft(base: usize, size: i32, from: i32, to: i32, delta: i32): void {
  const layers = 31 - clz(size)
  let i = layers - 1
  if (layers & 1) {
    const distance = 1 << i
    for (let r = 0; r < to; r += 2 * distance) {
      if (r + 2 * distance > from) forward(base + <usize>r * W, <usize>distance * W, (r + delta) >> i)
    }
    i--
  }
  for (; i >= 1; i -= 2) {
    const distance = 1 << (i - 1)
    const length = <usize>distance * W
    for (let r = 0; r < to; r += 4 * distance) {
      if (r + 4 * distance <= from) continue
      const q = base + <usize>r * W
      const lowerIdle = r + 2 * distance >= to
      const t02 = (r + delta) >> i, t01 = (r + delta) >> (i - 1), t23 = t01 + 2
      if (t23 < 256) {
        if (lowerIdle) forward4Upper(q, length, t01, t02)
        else if (t01 == 0) forward4First(q, length, t23)
        else forward4(q, length, t01, t23, t02)
      } else {
        forward(q, length * 2, t02)
        forward(q, length, t01)
        if (!lowerIdle) forward(q + 2 * length, length, t23)
      }
    }
  }
}

/** Backward transform of `size` shards; those from `count` on are zero, whatever their memory holds. */
export function ifft(base: usize, size: i32, count: i32, delta: i32): void {
  const layers = 31 - clz(size)
  let i = 0
  for (; i + 1 < layers; i += 2) {
    const distance = 1 << i
    const length = <usize>distance * W
    for (let r = 0; r < count; r += 4 * distance) {
      const q = base + <usize>r * W
      const t01 = (r + delta) >> i, t23 = t01 + 2, t02 = (r + delta) >> (i + 1)
      if (r + distance >= count) memory.fill(q + length, 0, length)
      if (t23 < 256) {
        if (r + 2 * distance >= count) {
          backward4Upper(q, length, t01, t02)
          continue
        }
        if (r + 3 * distance >= count) memory.fill(q + 3 * length, 0, length)
        if (t01 == 0) backward4First(q, length, t23)
        else backward4(q, length, t01, t23, t02)
      } else {
        backward(q, length, t01)
        if (r + 2 * distance >= count) {
          memory.fill(q + 2 * length, 0, 2 * length)
        } else {
          if (r + 3 * distance >= count) memory.fill(q + 3 * length, 0, length)
          backward(q + 2 * length, length, t23)
        }
        backward(q, length * 2, t02)
      }
    }
  }
  if (i < layers) {
    const distance = 1 << i
    const length = <usize>distance * W
    for (let r = 0; r < count; r += 2 * distance) {
      const q = base + <usize>r * W
      if (r + distance >= count) memory.fill(q + length, 0, length)
      backward(q, length, (r + delta) >> i)
    }
  }
}

// @ts-ignore: decorator
@inline
function powerOfTwo(x: i32): i32 {
  return x <= 1 ? 1 : 1 << (32 - clz(x - 1))
}

/** The layout that reed-solomon-simd chooses: repair shards first ("high rate"), or source shards first. */
// @ts-ignore: decorator
@inline
function isHighRate(sources: i32, repairs: i32): bool {
  const a = powerOfTwo(sources), b = powerOfTwo(repairs)
  return a == b ? sources <= repairs : a > b
}

/** How many repair shards are computed together. */
export function chunkLength(sources: i32, repairs: i32): i32 {
  return isHighRate(sources, repairs) ? repairs : powerOfTwo(sources)
}

/**
 * Source shards are in `work`, those from `valid` on are zero; prepares for `chunkOfRepairs`.
 *
 * High rate: the sources sit at positions c, c+1, ... (c = the power of two that holds the repairs); the sum of the
 * backward transforms of their chunks, transformed forward at 0, gives the repairs. Low rate: the sources sit at 0 and
 * one backward transform gives the polynomial, which is then evaluated at c, 2c, ...
 */
export function startRepairs(sources: i32, repairs: i32, valid: i32): void {
  if (!isHighRate(sources, repairs)) {
    ifft(work, powerOfTwo(sources), valid, 0)
    return
  }
  const c = powerOfTwo(repairs)
  ifft(work, c, min(valid, c), c)
  for (let start = c; start < valid; start += c) {
    const chunk = work + <usize>start * W
    ifft(chunk, c, min(c, valid - start), start + c)
    addInto(work, chunk, <usize>c * W)
  }
}

/** Where the repair shards from `start` on are, a chunk of them, until the next call. */
export function chunkOfRepairs(start: i32, sources: i32, repairs: i32): usize {
  if (isHighRate(sources, repairs)) {
    fft(work, powerOfTwo(repairs), 0, repairs, 0)
    return work
  }
  const c = powerOfTwo(sources)
  memory.copy(workRepair, work, <usize>c * W)
  fft(workRepair, c, 0, min(c, repairs - start), start + c)
  return workRepair
}
