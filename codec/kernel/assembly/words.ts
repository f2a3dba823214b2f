/**
 * Codewords: a row or a column of the message matrix, and what the code makes of it. They are handled in batches:
 * symbol i of codeword k lies at `source + i * symbolStride + k * wordStride`. Repair symbols of a batch lie in
 * `repair`, symbol i of all codewords side by side; leaf hashes in `leaves`, one codeword after the other.
 */
import { leafMatrix, leafMemo, leaves, n, repair, repairStride, symbolSize, work, zeroHashes } from './config'
import { leafPair, startLeaves } from './hash'
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
  else hashLeaves(originals, zeroFrom, source, symbolStride, wordStride, batch)
  const wordBytes = <usize>(n + 1) * 32
  for (let k = 0; k < batch; k++) {
    const q = leaves + <usize>k * wordBytes
    for (let i = zeroFrom; i < originals; i++) copyDigest(q + <usize>i * 32, zeroHashes)
  }
}

/** Two symbols of the same codeword at a time. */
function hashLeaves(
  originals: i32, zeroFrom: i32, source: usize, symbolStride: usize, wordStride: usize, batch: i32
): void {
  const wordBytes = <usize>(n + 1) * 32
  const skipped = originals - zeroFrom
  const count = n - skipped
  startLeaves(symbolSize)
  for (let at = 0; at < count; at += 2) {
    const next = min(at + 1, count - 1)
    const i = at < zeroFrom ? at : at + skipped
    const j = next < zeroFrom ? next : next + skipped
    let a = i < originals ? source + <usize>i * symbolStride : repair + <usize>(i - originals) * repairStride
    let b = j < originals ? source + <usize>j * symbolStride : repair + <usize>(j - originals) * repairStride
    const strideA = i < originals ? wordStride : symbolSize
    const strideB = j < originals ? wordStride : symbolSize
    let outA = leaves + <usize>i * 32, outB = leaves + <usize>j * 32
    for (let k = 0; k < batch; k++) {
      leafPair(a, b, outA, outB)
      a += strideA
      b += strideB
      outA += wordBytes
      outB += wordBytes
    }
  }
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

/** Fills entries [from, to) of the table of two-byte leaves; both even. */
export function fillLeafMemo(table: usize, from: i32, to: i32): void {
  startLeaves(2)
  for (let value = from; value < to; value += 2) {
    store<u16>(repair + 8, <u16>value)
    store<u16>(repair + 24, <u16>(value + 1))
    leafPair(repair + 8, repair + 24, table + <usize>value * 32, table + <usize>value * 32 + 32)
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
