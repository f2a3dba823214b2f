/** Merkle trees over n leaf hashes of 32 bytes, reduced in place. An odd level is completed with 32 zero bytes. */
import { hashInner } from './blake2b'
import { leaves, n, tree, zeroHashes } from './config'
import { hashLeaves, startLeaves } from './hash'

// @ts-ignore: decorator
@inline
export function copyDigest(to: usize, from: usize): void {
  v128.store(to, v128.load(from))
  v128.store(to, v128.load(from, 16), 16)
}

/** Parents [from, to) of the level at q, written over it. */
function hashParents(q: usize, from: i32, to: i32): void {
  for (let k = from; k < to; k += 3) {
    // at the end the last one fills up
    const i = <usize>k, j = <usize>min(k + 1, to - 1), l = <usize>min(k + 2, to - 1)
    hashInner(q + i * 64, q + j * 64, q + l * 64, q + i * 32, q + j * 32, q + l * 32)
  }
}

/** Reduces `count` hashes at q to their root, at q. There must be room for one more hash. */
export function reduceTree(q: usize, count: i32): void {
  while (count > 1) {
    if (count & 1) {
      memory.fill(q + <usize>count * 32, 0, 32)
      count++
    }
    count >>= 1
    hashParents(q, 0, count)
  }
}

/** The same, where the leaves [from, to) are all of zero symbols: subtrees within them are known. */
function reduceTreeWithZeros(q: usize, count: i32, from: i32, to: i32): void {
  let known = zeroHashes
  while (count > 1) {
    if (count & 1) {
      memory.fill(q + <usize>count * 32, 0, 32)
      count++
    }
    count >>= 1
    known += 32
    from = (from + 1) >> 1
    to >>= 1
    if (to > from) {
      hashParents(q, 0, from)
      for (let k = from; k < to; k++) copyDigest(q + <usize>k * 32, known)
      hashParents(q, to, count)
    } else {
      hashParents(q, 0, count)
    }
  }
}

/** Roots of codewords [first, first + batch), whose leaves are hashed, to `target`. Symbols [zeroFrom, zeroTo) are zero. */
export function wordRoots(target: usize, first: i32, batch: i32, zeroFrom: i32, zeroTo: i32): void {
  const bytes = <usize>n * 32
  for (let k = 0; k < batch; k++) {
    memory.copy(tree, leaves + <usize>(first + k) * bytes, bytes)
    if (zeroFrom < zeroTo) reduceTreeWithZeros(tree, n, zeroFrom, zeroTo)
    else reduceTree(tree, n)
    copyDigest(target + <usize>k * 32, tree)
  }
}

/**
 * Roots of the rows [from, to), from the leaf hashes of all columns, to `roots`. Of the zero rows only the first is done.
 * There must be room for as many trees: a column's hashes are read side by side.
 */
export function rowRoots(roots: usize, from: i32, to: i32, zeroFrom: i32, zeroTo: i32): void {
  if (from > zeroFrom && to <= zeroTo) return
  const bytes = <usize>n * 32, treeBytes = bytes + 32
  for (let j = 0; j < n; j++) {
    let q = leaves + <usize>j * bytes + <usize>from * 32, leaf = tree + <usize>j * 32
    for (let i = from; i < to; i++) {
      copyDigest(leaf, q)
      q += 32
      leaf += treeBytes
    }
  }
  for (let i = from; i < to; i++) {
    if (i > zeroFrom && i < zeroTo) continue
    const q = tree + <usize>(i - from) * treeBytes
    reduceTree(q, n)
    copyDigest(roots + <usize>i * 32, q)
  }
}

/** The siblings from leaf `index` of the first codeword in `leaves` up to its root, then the root. Keeps `leaves`. */
export function merklePath(index: i32, target: usize): void {
  let count = n
  memory.copy(tree, leaves, <usize>count * 32)
  while (count > 1) {
    if (count & 1) {
      memory.fill(tree + <usize>count * 32, 0, 32)
      count++
    }
    copyDigest(target, tree + <usize>(index ^ 1) * 32)
    target += 32
    index >>= 1
    count >>= 1
    hashParents(tree, 0, count)
  }
  copyDigest(target, tree)
}

/** Hashes of all-zero subtrees of 1, 2, 4, ... zero symbols, 18 levels, from the zeros at `zeros`. */
export function fillZeroHashes(target: usize, zeros: usize, length: i32): void {
  startLeaves(length)
  hashLeaves(zeros, zeros, zeros, target, target, target)
  for (let level = 0; level < 17; level++) {
    copyDigest(tree, target)
    copyDigest(tree + 32, target)
    target += 32
    hashInner(tree, tree, tree, target, target, target)
  }
}

/**
 * Writes the metadata's hashes, row root || column root of each sliver pair (pair i has column n-1-i), to `pairs`, and
 * their Merkle root to `root`. Rows between the first zero row and `zeroTo` have its root.
 */
export function sealMetadata(
  rows: usize, columns: usize, zeroFrom: i32, zeroTo: i32, pairs: usize, root: usize
): void {
  for (let i = 0; i < n; i++) {
    const row = i > zeroFrom && i < zeroTo ? zeroFrom : i
    copyDigest(pairs + <usize>i * 64, rows + <usize>row * 32)
    copyDigest(pairs + <usize>i * 64 + 32, columns + <usize>(n - 1 - i) * 32)
  }
  startLeaves(64)
  for (let k = 0; k < n; k += 3) {
    const i = <usize>k, j = <usize>min(k + 1, n - 1), l = <usize>min(k + 2, n - 1)
    hashLeaves(pairs + i * 64, pairs + j * 64, pairs + l * 64, tree + i * 32, tree + j * 32, tree + l * 32)
  }
  reduceTree(tree, n)
  copyDigest(root, tree)
}
