import { createHash } from 'node:crypto'
import { objectIdToBytes, sliverSymbols } from '../../../codec/index.ts'
import type { Axis, BlobId, ObjectId, ShardIndex } from '../../../codec/types.ts'

/**
 * What a round of storage challenges asks, from its seed. Question i of everyone is about one blob: that in which a point falls which is
 * even among all storage units that are paid for, blobs in the order of their IDs. So each unit is as likely as any other, and each question
 * independent of the others; and the seed is younger than the list. Of each node a shard, and a symbol of the shard's two slivers, follow.
 */

/** One that is asked for. */
export interface Question {
  blobId: BlobId
  shard: ShardIndex
  axis: Axis
  /** from 0 on, see `pieceShape` */
  piece: number
}

/** @param total storage units of all blobs, above 0. @returns for each question a unit, from 0 on */
export function pointsOf(seed: Uint8Array, draws: number, total: number): number[] {
  return Array.from({ length: draws }, (_, i) => within(hashOf(seed, i), 0, total))
}

export interface QuestionInit {
  /** 32 bytes */
  seed: Uint8Array
  /** number of the question */
  number: number
  /** of which it is asked */
  nodeId: ObjectId
  /** the node's in the epoch, in ascending order, one at least */
  shards: readonly ShardIndex[]
  /** in which the point has fallen */
  blobId: BlobId
  nShards: number
  /** Pieces of the blob's slivers, and symbols of each piece. */
  shapeOf: (axis: Axis) => { symbols: number }
}

/** What a node is asked with one question: each symbol of what its shards have of the blob is as likely as any other. */
export function questionOf({
  seed,
  number,
  nodeId,
  shards,
  blobId,
  nShards,
  shapeOf,
}: QuestionInit): Question {
  const hash = hashOf(seed, number, objectIdToBytes(nodeId))
  const primary = sliverSymbols(nShards, 'primary')
  const symbol = within(hash, 16, primary + sliverSymbols(nShards, 'secondary'))
  const axis = symbol < primary ? 'primary' : 'secondary'
  const piece = Math.floor((axis === 'primary' ? symbol : symbol - primary) / shapeOf(axis).symbols)
  return { blobId, shard: shards[within(hash, 0, shards.length)]!, axis, piece }
}

function hashOf(seed: Uint8Array, number: number, ...more: Uint8Array[]): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(number)
  const hash = createHash('sha256').update(seed).update(bytes)
  for (const part of more) hash.update(part)
  return hash.digest()
}

/** A number below `count`, of 128 bits of a hash: the bias is below 2^-64. */
function within(hash: Buffer, at: number, count: number): number {
  const value = (hash.readBigUInt64LE(at) << 64n) | hash.readBigUInt64LE(at + 8)
  return Number(value % BigInt(count))
}
