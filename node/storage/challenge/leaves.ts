import { hash } from 'node:crypto'
import { concatBytes } from '../../../base/bytes.ts'
import { blobIdToBytes, objectIdToBytes } from '../../../codec/index.ts'
import type { Axis, BlobId, ObjectId, ShardIndex } from '../../../codec/types.ts'

/** Hashes of a commitment: SHA-256, leaves and inner nodes apart. A level of odd length is completed with 32 zeros. */

export const HASH_BYTES = 32
/** What stands for a sliver that the node does not have: no piece leads there. */
export const NO_LEAF: Uint8Array = new Uint8Array(HASH_BYTES)
const LEAF = Uint8Array.of(0)
const INNER = Uint8Array.of(1)

/** The sliver that a leaf is about. */
export interface LeafPlace {
  shard: ShardIndex
  blobId: BlobId
  axis: Axis
}

/** Gives the leaf of one piece under a round's salt: what it is of is in it, so that it stands for nothing else. */
export type LeafHash = (place: LeafPlace, piece: number, bytes: Uint8Array) => Uint8Array

/** @param salt 32 bytes */
export function leafHasher(salt: Uint8Array, nodeId: ObjectId): LeafHash {
  const start = concatBytes(LEAF, salt, objectIdToBytes(nodeId))
  return ({ shard, blobId, axis }, piece, bytes) => {
    const place = new Uint8Array(7)
    const view = new DataView(place.buffer)
    view.setUint16(0, shard, true)
    view.setUint8(2, axis === 'primary' ? 0 : 1)
    view.setUint32(3, piece, true)
    return sha256(concatBytes(start, place, blobIdToBytes(blobId), bytes))
  }
}

/** The hash above two others; the right one is `NO_LEAF` where there is none. */
export function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(INNER, left, right))
}

/** The hash over a few leaves; `NO_LEAF` over none. */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves
  while (level.length > 1) level = above(level)
  return level[0] ?? NO_LEAF
}

/** The siblings of a leaf, from its own level up. */
export function pathOf(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  const path: Uint8Array[] = []
  for (let [level, at] = [leaves, index]; level.length > 1; level = above(level), at >>= 1)
    path.push(level[at ^ 1] ?? NO_LEAF)
  return path
}

/** Where a path leads from a leaf. */
export function climb(leaf: Uint8Array, index: number, path: readonly Uint8Array[]): Uint8Array {
  let [node, at] = [leaf, index]
  for (const sibling of path) {
    node = at % 2 === 0 ? innerHash(node, sibling) : innerHash(sibling, node)
    at = Math.floor(at / 2)
  }
  return node
}

/** Levels above the leaves. */
export function levelsAbove(leaves: number): number {
  return leaves <= 1 ? 0 : Math.ceil(Math.log2(leaves))
}

function above(level: readonly Uint8Array[]): Uint8Array[] {
  return Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
    innerHash(level[2 * i]!, level[2 * i + 1] ?? NO_LEAF),
  )
}

function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}
