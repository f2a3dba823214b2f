/**
 * Blake2b-256, three messages at a time: two in the lanes of i64x2, one in scalar words. A leaf is 0x00 || symbol, an
 * inner node is 0x01 || left || right; neither is ever copied together. The rounds are generated: see
 * kernel/blake2b.ts.
 */
import { compressFull, compressLast10, compressLast16, compressLast2, compressLast6, startState } from './blake2b'
import { initialState, message, state } from './config'

/** the first byte of a leaf, which is zero, where the byte before the symbol is read */
const NO_PREFIX: u64 = ~(<u64>0xff)
const EVERYTHING: u64 = ~(<u64>0)

/** whole blocks before the last one */
let fullBlocks: i32 = 0
/** 8-byte words of the last block */
let lastWords: i32 = 0
/** what of its first and of its last word belongs to the message */
let firstMask: u64 = 0
let lastMask: u64 = 0
/** bytes of the message, prefix included */
let total: u64 = 0

/** Prepares for leaves of `length` bytes. */
export function startLeaves(length: i32): void {
  const bytes = length + 1
  total = bytes
  fullBlocks = (bytes - 1) >> 7
  const rest = bytes - (fullBlocks << 7)
  lastWords = (rest + 7) >> 3
  const odd = rest & 7
  firstMask = fullBlocks == 0 ? NO_PREFIX : EVERYTHING
  lastMask = odd == 0 ? EVERYTHING : ((<u64>1) << (odd * 8)) - 1
  if (lastWords == 1) lastMask &= firstMask
  memory.fill(message, 0, 384)
  startState(initialState)
}

// @ts-ignore: decorator
@inline
function stage(word: i32, a: usize, b: usize, c: usize, mask: u64): void {
  const pair = v128.load64_lane(b, v128.load64_zero(a), 1)
  v128.store(message + <usize>word * 16, v128.and(pair, i64x2.splat(mask)))
  store<u64>(message + <usize>word * 8, load<u64>(c) & mask, 256)
}

/** Hashes of three leaves. The byte before each must be readable: it is masked into the prefix. */
export function hashLeaves(a: usize, b: usize, c: usize, outA: usize, outB: usize, outC: usize): void {
  a--
  b--
  c--
  let from = initialState
  let hashed: u64 = 0
  for (let block = 0; block < fullBlocks; block++) {
    hashed += 128
    compressFull(from, state, a, b, c, block == 0 ? NO_PREFIX : EVERYTHING, hashed)
    from = state
    a += 128
    b += 128
    c += 128
  }
  const last = lastWords - 1
  let mask = firstMask
  for (let w = 0; w < last; w++) {
    stage(w, a, b, c, mask)
    mask = EVERYTHING
    a += 8
    b += 8
    c += 8
  }
  stage(last, a, b, c, lastMask)
  if (lastWords <= 2) compressLast2(from, message, total, outA, outB, outC)
  else if (lastWords <= 6) compressLast6(from, message, total, outA, outB, outC)
  else if (lastWords <= 10) compressLast10(from, message, total, outA, outB, outC)
  else compressLast16(from, message, total, outA, outB, outC)
}
