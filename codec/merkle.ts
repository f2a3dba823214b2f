import { blake2b } from '@noble/hashes/blake2.js'
import { concatBytes } from '../base/bytes.ts'

export const DIGEST_LENGTH = 32
/** The sibling that an odd level is completed with: 32 zero bytes. */
const EMPTY_NODE: Uint8Array = new Uint8Array(DIGEST_LENGTH)
const LEAF = Uint8Array.of(0)
const INNER = Uint8Array.of(1)

export function blake2b256(...parts: readonly Uint8Array[]): Uint8Array {
  return blake2b(concatBytes(...parts), { dkLen: DIGEST_LENGTH })
}

export function leafHash(leaf: Uint8Array): Uint8Array {
  return blake2b256(LEAF, leaf)
}

export function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return blake2b256(INNER, left, right)
}

/** The root over leaf hashes; a single leaf is its own root. The kernel does the same for symbols, much faster. */
export function merkleRoot(leafHashes: readonly Uint8Array[]): Uint8Array {
  let level = leafHashes
  while (level.length > 1) level = parents(level)
  return level[0] ?? EMPTY_NODE
}

/** The root that a leaf hash and its path lead to. */
export function rootOfPath(leaf: Uint8Array, index: number, path: readonly Uint8Array[]): Uint8Array {
  let node = leaf
  let at = index
  for (const sibling of path) {
    node = at % 2 === 0 ? innerHash(node, sibling) : innerHash(sibling, node)
    at >>= 1
  }
  return node
}

/** Length of every path in a tree of `leaves` leaves. */
export function pathLength(leaves: number): number {
  return leaves <= 1 ? 0 : Math.ceil(Math.log2(leaves))
}

function parents(level: readonly Uint8Array[]): Uint8Array[] {
  const out: Uint8Array[] = []
  for (let i = 0; i < level.length; i += 2) out.push(innerHash(level[i]!, level[i + 1] ?? EMPTY_NODE))
  return out
}
