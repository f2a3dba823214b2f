/**
 * Codewords: a row or a column of the message matrix, and what the code makes of it. They are handled in batches:
 * symbol i of codeword k lies at `source + i * symbolStride + k * wordStride`. Repair symbols of a batch lie in
 * `repair`, symbol i of all codewords side by side; leaf hashes in `leaves`, one codeword after the other.
 */
import { leafMemo, leaves, n, repair, repairStride, symbolSize, work, zeroHashes } from './config'
import { hashLeaves, startLeaves } from './hash'
import { copyExact, gather, pieceBytes, pieceCount, pieceStart, scatter, usePiece } from './shards'
import { chunkLength, chunkOfRepairs, startRepairs, W } from './transform'
import { copyDigest } from './trees'

/**
 * Expands a batch of rows and writes repair symbol i at `target + i * targetStride`, the codewords side by side. Rows
 * go straight to the columns that they are part of.
 */
export function expandTo(
  originals: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32,
  target: usize, targetStride: usize
): void {
  const pieces = pieceCount(batch), repairs = n - originals, chunk = chunkLength(originals, repairs)
  for (let piece = 0; piece < pieces; piece++) {
    usePiece(piece, pieces, batch)
    gatherAll(originals, source + pieceStart, symbolStride, wordStride, batch)
    startRepairs(originals, repairs, originals)
    const length = <usize>batch * pieceBytes()
    for (let start = 0; start < repairs; start += chunk) {
      const shards = chunkOfRepairs(start, originals, repairs)
      for (let i = start; i < min(start + chunk, repairs); i++) {
        scatter(shards + <usize>(i - start) * W, repair, symbolSize, batch)
        copyExact(target + <usize>i * targetStride + pieceStart, repair, length)
      }
    }
  }
}

/** Expands a batch into `repair`. Symbols from `zeroFrom` on are zero and not read. */
export function expand(
  originals: i32, zeroFrom: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32
): void {
  const pieces = pieceCount(batch), repairs = n - originals, chunk = chunkLength(originals, repairs)
  for (let piece = 0; piece < pieces; piece++) {
    usePiece(piece, pieces, batch)
    gatherAll(zeroFrom, source + pieceStart, symbolStride, wordStride, batch)
    startRepairs(originals, repairs, zeroFrom)
    const to = repair + pieceStart
    for (let start = 0; start < repairs; start += chunk) {
      const shards = chunkOfRepairs(start, originals, repairs)
      for (let i = start; i < min(start + chunk, repairs); i++) {
        scatter(shards + <usize>(i - start) * W, to + <usize>i * repairStride, symbolSize, batch)
      }
    }
  }
}

function gatherAll(count: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32): void {
  for (let i = 0; i < count; i++) {
    gather(work + <usize>i * W, source + <usize>i * symbolStride, wordStride, batch)
  }
}

/**
 * Hashes all symbols of a batch that was expanded, as codewords [first, first + batch) of `leaves`. Symbols [zeroFrom,
 * originals) are zero. Repair symbol i of the batch is copied to `rowTarget + i * rowStride`, the originals of codeword
 * k to `wordTarget + k * wordTargetStride`, both unless the target is 0. Copying is mixed with hashing, since writes to
 * memory that is in no cache take no time while something else is computed.
 */
export function hashSymbols(
  originals: i32, zeroFrom: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32, first: i32,
  rowTarget: usize, rowStride: usize, wordTarget: usize, wordTargetStride: usize
): void {
  const wordBytes = <usize>n * 32, words = leaves + <usize>first * wordBytes
  const skipped = originals - zeroFrom
  const count = n - skipped
  if (leafMemo == 0) startLeaves(symbolSize)
  for (let at = 0; at < count; at += 3) {
    const i = symbolAt(at, count, zeroFrom, skipped)
    const j = symbolAt(at + 1, count, zeroFrom, skipped)
    const l = symbolAt(at + 2, count, zeroFrom, skipped)
    let a = i < originals ? source + <usize>i * symbolStride : repair + <usize>(i - originals) * repairStride
    let b = j < originals ? source + <usize>j * symbolStride : repair + <usize>(j - originals) * repairStride
    let c = l < originals ? source + <usize>l * symbolStride : repair + <usize>(l - originals) * repairStride
    const strideA = i < originals ? wordStride : symbolSize
    const strideB = j < originals ? wordStride : symbolSize
    const strideC = l < originals ? wordStride : symbolSize
    let outA = words + <usize>i * 32, outB = words + <usize>j * 32, outC = words + <usize>l * 32
    for (let k = 0; k < batch; k++) {
      if (leafMemo != 0) {
        copyDigest(outA, leafMemo + <usize>load<u16>(a) * 32)
        copyDigest(outB, leafMemo + <usize>load<u16>(b) * 32)
        copyDigest(outC, leafMemo + <usize>load<u16>(c) * 32)
      } else {
        hashLeaves(a, b, c, outA, outB, outC)
      }
      a += strideA
      b += strideB
      c += strideC
      outA += wordBytes
      outB += wordBytes
      outC += wordBytes
    }
    const end = min(at + 3, count)
    for (let k = at; k < end; k++) {
      const symbol = symbolAt(k, count, zeroFrom, skipped)
      if (symbol >= originals) {
        if (rowTarget != 0) keepRepair(symbol - originals, batch, rowTarget, rowStride)
      } else if (wordTarget != 0) {
        keepOriginal(symbol, source + <usize>symbol * symbolStride, wordStride, batch, wordTarget, wordTargetStride)
      }
    }
  }
  if (skipped == 0) return
  for (let k = 0; k < batch; k++) {
    for (let i = zeroFrom; i < originals; i++) copyDigest(words + <usize>k * wordBytes + <usize>i * 32, zeroHashes)
    if (wordTarget != 0) {
      const zeros = wordTarget + <usize>k * wordTargetStride + <usize>zeroFrom * symbolSize
      memory.fill(zeros, 0, <usize>skipped * symbolSize)
    }
  }
}

/** The symbol that is hashed as number `at`; behind the end the last one fills up. */
// @ts-ignore: decorator
@inline
function symbolAt(at: i32, count: i32, zeroFrom: i32, skipped: i32): i32 {
  at = min(at, count - 1)
  return at < zeroFrom ? at : at + skipped
}

/** Repair symbol i of all codewords, side by side as it is. */
function keepRepair(i: i32, batch: i32, target: usize, stride: usize): void {
  copyExact(target + <usize>i * stride, repair + <usize>i * repairStride, <usize>batch * symbolSize)
}

/** Original symbol i of each codeword, at `from`, to its place in the row of the codeword's originals. */
function keepOriginal(i: i32, from: usize, wordStride: usize, batch: i32, target: usize, stride: usize): void {
  let to = target + <usize>i * symbolSize
  for (let k = 0; k < batch; k++) {
    copyExact(to, from, symbolSize)
    to += stride
    from += wordStride
  }
}

/** Fills entries [from, to) of the table of two-byte leaves. */
export function fillLeafMemo(table: usize, from: i32, to: i32): void {
  startLeaves(2)
  const a = repair + 8, b = a + 16, c = b + 16
  for (let value = from; value < to; value += 3) {
    const i = value, j = min(value + 1, to - 1), l = min(value + 2, to - 1)
    store<u16>(a, <u16>i)
    store<u16>(b, <u16>j)
    store<u16>(c, <u16>l)
    hashLeaves(a, b, c, table + <usize>i * 32, table + <usize>j * 32, table + <usize>l * 32)
  }
}

/** Copies the batch's repair symbols, `length` bytes each, to `target + i * targetStride`. */
export function copyRepair(originals: i32, target: usize, targetStride: usize, length: usize): void {
  const repairs = n - originals
  for (let i = 0; i < repairs; i++) {
    copyExact(target + <usize>i * targetStride, repair + <usize>i * repairStride, length)
  }
}

/**
 * Copies some symbols of codeword k of a batch that was expanded to `target`, one after the other: those whose numbers are
 * the `count` u16 at `wanted`. Original i is at `source + i * symbolSize`.
 */
export function takeSymbols(originals: i32, k: i32, source: usize, wanted: usize, count: i32, target: usize): void {
  const repairs = repair + <usize>k * symbolSize
  for (let j = 0; j < count; j++) {
    const i = <i32>load<u16>(wanted + <usize>j * 2)
    const from = i < originals ? source + <usize>i * symbolSize : repairs + <usize>(i - originals) * repairStride
    copyExact(target, from, symbolSize)
    target += symbolSize
  }
}

/** Copies the originals of each codeword in a row, codeword k to `target + k * targetStride`. */
export function copyWords(
  originals: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32,
  target: usize, targetStride: usize
): void {
  for (let k = 0; k < batch; k++) {
    let to = target + <usize>k * targetStride, from = source + <usize>k * wordStride
    for (let i = 0; i < originals; i++) {
      copyExact(to, from, symbolSize)
      to += symbolSize
      from += symbolStride
    }
  }
}
