/**
 * Blake2b-256, two messages at a time in the two lanes of i64x2. A leaf is 0x00 || symbol, an inner node is
 * 0x01 || left || right; neither is ever copied together. The rounds are generated: see kernel/blake2b.ts.
 */
import { compressFull, compressLast, hashBlock, startState } from './blake2b'
import { message, state } from './config'

/** whole blocks before the last one */
let fullBlocks: i32 = 0
/** 8-byte words of the last block */
let lastWords: i32 = 0
/** what of its last word belongs to the message */
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
  lastMask = odd == 0 ? ~(<u64>0) : ((<u64>1) << (odd * 8)) - 1
  memory.fill(message, 0, 256)
}

// @ts-ignore: decorator
@inline
function wordPair(a: usize, b: usize): v128 {
  return v128.load64_lane(b, v128.load64_zero(a), 1)
}

/** Hashes of two leaves. The byte before each must be readable: it is masked into the prefix. */
export function leafPair(a: usize, b: usize, outA: usize, outB: usize): void {
  a--
  b--
  const last = lastWords - 1
  let m = message
  if (fullBlocks == 0) {
    const noPrefix = ~(<u64>0xff)
    if (last == 0) {
      v128.store(m, v128.and(wordPair(a, b), i64x2.splat(lastMask & noPrefix)))
    } else {
      v128.store(m, v128.and(wordPair(a, b), i64x2.splat(noPrefix)))
      for (let w = 1; w < last; w++) {
        m += 16
        a += 8
        b += 8
        v128.store(m, wordPair(a, b))
      }
      v128.store(m, v128.and(wordPair(a + 8, b + 8), i64x2.splat(lastMask)), 16)
    }
    hashBlock(message, total, outA, outB)
    return
  }
  startState(state)
  let hashed: u64 = 0
  for (let block = 0; block < fullBlocks; block++) {
    hashed += 128
    compressFull(state, a, b, block == 0 ? ~(<i64>0xff) : ~(<i64>0), hashed)
    a += 128
    b += 128
  }
  for (let w = 0; w < last; w++) {
    v128.store(m, wordPair(a, b))
    m += 16
    a += 8
    b += 8
  }
  v128.store(m, v128.and(wordPair(a, b), i64x2.splat(lastMask)))
  compressLast(state, message, total, outA, outB)
}
