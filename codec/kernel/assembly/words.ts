/**
 * Codewords: a row or a column of the message matrix, and what the code makes of it. They are handled in batches:
 * symbol i of codeword k lies at `source + i * symbolStride + k * wordStride`. Repair symbols of a batch lie in
 * `repair`, symbol i of all codewords side by side; leaf hashes in `leaves`, one codeword after the other.
 */
import { leafMatrix, leafMemo, leaves, n, repair, repairStride, symbolSize, work, zeroHashes } from './config'
import { hashLeaves, startLeaves } from './hash'
import { copyExact, gather, pieceBytes, pieceCount, pieceStart, scatter, usePiece } from './shards'
import { reedSolomon, W } from './transform'
import { copyDigest } from './trees'

/**
 * Expands a batch of rows and writes repair symbol i at `target + i * targetStride`, the codewords side by side. Rows
 * go straight to the columns that they are part of.
 */
export function expandTo(
  originals: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32,
  target: usize, targetStride: usize
): void {
  const pieces = pieceCount(batch), repairs = n - originals
  for (let piece = 0; piece < pieces; piece++) {
    usePiece(piece, pieces, batch)
    const from = source + pieceStart
    for (let i = 0; i < originals; i++) {
      gather(work + <usize>i * W, from + <usize>i * symbolStride, wordStride, batch)
    }
    const shards = reedSolomon(originals, repairs, originals)
    const length = <usize>batch * pieceBytes()
    for (let i = 0; i < repairs; i++) {
      scatter(shards + <usize>i * W, repair, symbolSize, batch)
      copyExact(target + <usize>i * targetStride + pieceStart, repair, length)
    }
  }
}

/** Expands a batch into `repair`. Symbols from `zeroFrom` on are zero and not read. */
export function expand(
  originals: i32, zeroFrom: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32
): void {
  const pieces = pieceCount(batch), repairs = n - originals
  for (let piece = 0; piece < pieces; piece++) {
    usePiece(piece, pieces, batch)
    const from = source + pieceStart
    for (let i = 0; i < zeroFrom; i++) {
      gather(work + <usize>i * W, from + <usize>i * symbolStride, wordStride, batch)
    }
    const shards = reedSolomon(originals, repairs, zeroFrom)
    const to = repair + pieceStart
    for (let i = 0; i < repairs; i++) {
      scatter(shards + <usize>i * W, to + <usize>i * repairStride, symbolSize, batch)
    }
  }
}

/** Hashes all symbols of a batch that was expanded, into `leaves`. Symbols [zeroFrom, originals) are zero. */
export function hashSymbols(
  originals: i32, zeroFrom: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32
): void {
  if (leafMemo != 0) lookUpLeaves(originals, zeroFrom, source, symbolStride, wordStride, batch)
  else hashAll(originals, zeroFrom, source, symbolStride, wordStride, batch)
  const wordBytes = <usize>(n + 1) * 32
  for (let k = 0; k < batch; k++) {
    const q = leaves + <usize>k * wordBytes
    for (let i = zeroFrom; i < originals; i++) copyDigest(q + <usize>i * 32, zeroHashes)
  }
}

/** Three symbols of the same codeword at a time. */
function hashAll(
  originals: i32, zeroFrom: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32
): void {
  const wordBytes = <usize>(n + 1) * 32
  const skipped = originals - zeroFrom
  const count = n - skipped
  startLeaves(symbolSize)
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
    let outA = leaves + <usize>i * 32, outB = leaves + <usize>j * 32, outC = leaves + <usize>l * 32
    for (let k = 0; k < batch; k++) {
      hashLeaves(a, b, c, outA, outB, outC)
      a += strideA
      b += strideB
      c += strideC
      outA += wordBytes
      outB += wordBytes
      outC += wordBytes
    }
  }
}

// @ts-ignore: decorator
@inline
function symbolAt(at: i32, count: i32, zeroFrom: i32, skipped: i32): i32 {
  at = min(at, count - 1)
  return at < zeroFrom ? at : at + skipped
}

/** Symbols of two bytes: their hashes are in the table. */
function lookUpLeaves(
  originals: i32, zeroFrom: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32
): void {
  const wordBytes = <usize>(n + 1) * 32
  for (let i = 0; i < n; i++) {
    if (i >= zeroFrom && i < originals) continue
    let q = i < originals ? source + <usize>i * symbolStride : repair + <usize>(i - originals) * repairStride
    const stride = i < originals ? wordStride : <usize>symbolSize
    let out = leaves + <usize>i * 32
    for (let k = 0; k < batch; k++) {
      copyDigest(out, leafMemo + <usize>load<u16>(q) * 32)
      q += stride
      out += wordBytes
    }
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

/** Keeps the batch's leaf hashes as columns [column, column + batch) of the leaf matrix, for the row trees. */
export function keepLeaves(column: i32, batch: i32, zeroFrom: i32, zeroTo: i32): void {
  const wordBytes = <usize>(n + 1) * 32
  for (let i = 0; i < n; i++) {
    if (i > zeroFrom && i < zeroTo) continue
    let to = leafMatrix + (<usize>i * <usize>n + <usize>column) * 32, from = leaves + <usize>i * 32
    for (let k = 0; k < batch; k++) {
      copyDigest(to, from)
      to += 32
      from += wordBytes
    }
  }
}
