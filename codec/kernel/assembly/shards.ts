/**
 * Between symbols as they are stored and work shards. A stored symbol is a run of 64-byte blocks, each 32 low bytes and
 * then 32 high bytes of 32 field elements; a last, partial block is halved alike. A work shard holds the same elements
 * in the tower basis as [16 low][16 high], ..., for a batch of symbols side by side. Only this file knows of partial
 * blocks.
 */
import { deltaTable, pieceBlocks, plane, planeLength, symbolSize } from './config'
import { multiply, nibbleMask } from './field'
import { setShardLength, W } from './transform'

/** The piece in hand: where it starts in the symbol, its whole blocks, and half the bytes of its partial block. */
export let pieceStart: usize = 0
let pieceWhole: i32 = 0
let pieceHalf: usize = 0

/** Into how many pieces large symbols are cut, so that a transform's shards stay in the cache; 1 for batches. */
export function pieceCount(batch: i32): i32 {
  if (batch > 1 || symbolSize <= pieceBlocks * 64 + 64) return 1
  return ((symbolSize >> 6) + pieceBlocks - 1) / pieceBlocks
}

/** Takes a piece in hand and sets the length of work shards to it. */
export function usePiece(index: i32, count: i32, batch: i32): void {
  const blocks = symbolSize >> 6
  const half = <usize>((symbolSize & 63) >> 1)
  const first = index * pieceBlocks
  const last = index == count - 1
  pieceStart = <usize>first << 6
  pieceWhole = last ? blocks - first : pieceBlocks
  pieceHalf = last ? half : 0
  const planeBytes = <usize>batch * (<usize>pieceWhole * 32 + pieceHalf)
  setShardLength(((planeBytes + 15) & ~15) << 1)
}

/** Bytes of the piece in hand in one symbol. */
export function pieceBytes(): usize {
  return (<usize>pieceWhole << 6) + (pieceHalf << 1)
}

/** Reads the piece of `batch` symbols, `stride` bytes apart, into a work shard. */
export function gather(shard: usize, source: usize, stride: usize, batch: i32): void {
  const half = pieceHalf
  let low = plane, high = plane + planeLength
  for (let k = 0; k < batch; k++) {
    let q = source + <usize>k * stride
    for (let i = 0; i < pieceWhole; i++) {
      v128.store(low, v128.load(q))
      v128.store(low, v128.load(q, 16), 16)
      v128.store(high, v128.load(q, 32))
      v128.store(high, v128.load(q, 48), 16)
      q += 64
      low += 32
      high += 32
    }
    if (half) {
      copyHalf(low, q, half)
      copyHalf(high, q + half, half)
      low += half
      high += half
    }
  }
  const nibble = nibbleMask(), d0 = v128.load(deltaTable), d1 = v128.load(deltaTable, 16)
  low = plane
  high = plane + planeLength
  const end = shard + W
  while (shard < end) {
    const h = v128.load(high)
    v128.store(shard, v128.xor(v128.load(low), multiply(h, d0, d1, nibble)))
    v128.store(shard, h, 16)
    low += 16
    high += 16
    shard += 32
  }
}

/** Writes a work shard as the piece of `batch` symbols, `stride` bytes apart. May write up to 32 bytes too many. */
export function scatter(shard: usize, target: usize, stride: usize, batch: i32): void {
  const half = pieceHalf
  const nibble = nibbleMask(), d0 = v128.load(deltaTable), d1 = v128.load(deltaTable, 16)
  let low = plane, high = plane + planeLength
  const end = shard + W
  while (shard < end) {
    const h = v128.load(shard, 16)
    v128.store(low, v128.xor(v128.load(shard), multiply(h, d0, d1, nibble)))
    v128.store(high, h)
    low += 16
    high += 16
    shard += 32
  }
  low = plane
  high = plane + planeLength
  for (let k = 0; k < batch; k++) {
    let q = target + <usize>k * stride
    for (let i = 0; i < pieceWhole; i++) {
      v128.store(q, v128.load(low))
      v128.store(q, v128.load(low, 16), 16)
      v128.store(q, v128.load(high), 32)
      v128.store(q, v128.load(high, 16), 48)
      q += 64
      low += 32
      high += 32
    }
    if (half) {
      copyHalf(q, low, half)
      copyHalf(q + half, high, half)
      low += half
      high += half
    }
  }
}

/** Copies half a partial block, 1 to 31 bytes, rounded up to 4, 8, 16 or 32: what lies behind must be scratch. */
// @ts-ignore: decorator
@inline
function copyHalf(to: usize, from: usize, length: usize): void {
  if (length <= 4) {
    store<u32>(to, load<u32>(from))
  } else if (length <= 8) {
    store<u64>(to, load<u64>(from))
  } else {
    v128.store(to, v128.load(from))
    if (length > 16) v128.store(to, v128.load(from, 16), 16)
  }
}

/** Copies an even number of bytes and not one more: the neighbour may be another thread's. */
// @ts-ignore: decorator
@inline
export function copyExact(to: usize, from: usize, length: usize): void {
  if (length >= 16) {
    const last = length - 16
    for (let at: usize = 0; at < last; at += 16) v128.store(to + at, v128.load(from + at))
    v128.store(to + last, v128.load(from + last))
  } else if (length >= 8) {
    const a = load<u64>(from), b = load<u64>(from + length - 8)
    store<u64>(to, a)
    store<u64>(to + length - 8, b)
  } else if (length >= 4) {
    const a = load<u32>(from), b = load<u32>(from + length - 4)
    store<u32>(to, a)
    store<u32>(to + length - 4, b)
  } else {
    store<u16>(to, load<u16>(from))
  }
}
