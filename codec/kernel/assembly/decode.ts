/**
 * Erasure decoding, after Lin, Al-Naffouri and Han ("FFT algorithm for binary extension finite fields and its
 * application to Reed-Solomon codes"): multiply what was received by the error locator's values, transform backward,
 * take the formal derivative, transform forward, and divide by the locator's values. The locator depends on the
 * pattern of erasures alone, so the host computes it once and one plan serves every codeword.
 */
import { repair, symbolSize, work } from './config'
import { backward } from './butterfly'
import { backward4, backward4First } from './butterfly4'
import { addInto, scale } from './field'
import { copyExact, gather, pieceBytes, pieceCount, pieceStart, scatter, usePiece } from './shards'
import { fft, W } from './transform'

/** Backward transform over zero-filled memory that skips groups without input: prefix counts of the inputs, u16. */
function ifftSparse(base: usize, size: i32, counts: usize): void {
  const layers = 31 - clz(size)
  let i = 0
  for (; i + 1 < layers; i += 2) {
    const distance = 1 << i
    const length = <usize>distance * W
    for (let r = 0; r < size; r += 4 * distance) {
      if (isEmpty(counts, r, r + 4 * distance)) continue
      const q = base + <usize>r * W
      const t01 = r >> i, t23 = t01 + 2, t02 = r >> (i + 1)
      if (t23 < 256) {
        if (t01 == 0) backward4First(q, length, t23)
        else backward4(q, length, t01, t23, t02)
      } else {
        backward(q, length, t01)
        backward(q + 2 * length, length, t23)
        backward(q, length * 2, t02)
      }
    }
  }
  if (i < layers) {
    const distance = 1 << i
    for (let r = 0; r < size; r += 2 * distance) {
      if (!isEmpty(counts, r, r + 2 * distance)) backward(base + <usize>r * W, <usize>distance * W, r >> i)
    }
  }
}

// @ts-ignore: decorator
@inline
function isEmpty(counts: usize, from: i32, to: i32): bool {
  return load<u16>(counts + <usize>from * 2) == load<u16>(counts + <usize>to * 2)
}

/** The formal derivative in the novel basis; only the first `needed` coefficients are used afterwards. */
function derive(base: usize, size: i32, needed: i32): void {
  for (let i = 1; i < size; i++) {
    const width = 1 << ctz(i)
    const start = i - width
    if (start < needed) {
      addInto(base + <usize>start * W, base + <usize>i * W, <usize>min(width, needed - start) * W)
    }
  }
}

/**
 * Recovers the missing originals of a batch of codewords. The plan is a block of u32:
 *   0 transform size, 1 coefficients needed, 2 first and 3 last + 1 output position,
 *   4 received symbols, 5 their records (position u16, factor c0 u8, c1 u8), 6 their addresses,
 *   7 prefix counts of received positions (u16), 8 missing originals, 9 their records (as above, then index u32)
 * Received symbol i of codeword k is at `address + offset + k * wordStride`; original i goes to
 * `target + offset + i * targetSymbol + k * targetWord`.
 */
export function decodeWords(
  plan: usize, offset: usize, wordStride: usize, batch: i32,
  target: usize, targetSymbol: usize, targetWord: usize
): void {
  const size = load<i32>(plan), needed = load<i32>(plan, 4)
  const from = load<i32>(plan, 8), to = load<i32>(plan, 12)
  const received = load<i32>(plan, 16), missing = load<i32>(plan, 32)
  const records = <usize>load<u32>(plan, 20), addresses = <usize>load<u32>(plan, 24)
  const counts = <usize>load<u32>(plan, 28), outputs = <usize>load<u32>(plan, 36)
  const pieces = pieceCount(batch)
  for (let piece = 0; piece < pieces; piece++) {
    usePiece(piece, pieces, batch)
    memory.fill(work, 0, <usize>size * W)
    for (let k = 0; k < received; k++) {
      const record = load<u32>(records + <usize>k * 4)
      const shard = work + <usize>(record & 0xffff) * W
      gather(shard, <usize>load<u32>(addresses + <usize>k * 4) + offset + pieceStart, wordStride, batch)
      scale(shard, W, (record >> 16) & 255, record >> 24)
    }
    ifftSparse(work, size, counts)
    derive(work, size, needed)
    fft(work, needed, from, to, 0)
    const length = pieceBytes()
    for (let k = 0; k < missing; k++) {
      const record = load<u32>(outputs + <usize>k * 8)
      const shard = work + <usize>(record & 0xffff) * W
      scale(shard, W, (record >> 16) & 255, record >> 24)
      scatter(shard, repair, symbolSize, batch)
      const out = target + <usize>load<u32>(outputs + <usize>k * 8, 4) * targetSymbol + offset + pieceStart
      for (let w = 0; w < batch; w++) {
        copyExact(out + <usize>w * targetWord, repair + <usize>w * symbolSize, length)
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function addModulo(a: u32, b: u32): u32 {
  const t = a + b
  return (t + (t >> 16)) & 0xffff
}

// @ts-ignore: decorator
@inline
function subtractModulo(a: u32, b: u32): u32 {
  const t = a - b
  return (t + (t >> 16)) & 0xffff
}

/** Walsh-Hadamard transform of u16 modulo 65535, in place. */
function walshHadamard(q: usize, size: i32): void {
  for (let d = 1; d < size; d <<= 1) {
    for (let r = 0; r < size; r += 2 * d) {
      for (let i = r; i < r + d; i++) {
        const x = q + <usize>i * 2, y = x + <usize>d * 2
        const a: u32 = load<u16>(x), b: u32 = load<u16>(y)
        store<u16>(x, <u16>addModulo(a, b))
        store<u16>(y, <u16>subtractModulo(a, b))
      }
    }
  }
}

/**
 * Logarithms of the locator at all positions: the xor-convolution of the erasures (0 or 1 each, u16, replaced by the
 * result) with the logarithms of 0 .. size-1 (replaced by their transform). A transform of `size` instead of 65536
 * gives the same, times 2^(16 - log2 size).
 */
export function locate(erased: usize, logs: usize, size: i32): void {
  walshHadamard(logs, size)
  walshHadamard(erased, size)
  for (let i = 0; i < size; i++) {
    const at = erased + <usize>i * 2
    const product = <u32>load<u16>(at) * <u32>load<u16>(logs + <usize>i * 2)
    store<u16>(at, <u16>addModulo(product & 0xffff, product >> 16))
  }
  walshHadamard(erased, size)
  const shift = 16 - ctz(size)
  for (let i = 0; i < size; i++) {
    const at = erased + <usize>i * 2
    const product = (<u32>load<u16>(at)) << shift
    store<u16>(at, <u16>addModulo(product & 0xffff, product >> 16))
  }
}
