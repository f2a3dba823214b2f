import { createCipheriv, createHash } from 'node:crypto'
import { blobIdToBytes, objectIdToBytes, type PieceShape } from '../../../codec/index.ts'
import type { Axis, BlobId, ObjectId, ShardIndex } from '../../../codec/types.ts'

/**
 * What a round of storage challenges asks, from its seed: the blobs the same for all nodes, those with the smallest
 * AES-256_seed(first 16 bytes of the blob ID) / weight, compared as integers, so that each byte that is paid for is as likely as any
 * other and needs no count that all agree on. Then of each node a shard, an axis and a piece, by SHA-256.
 */

/** One that is asked for. */
export interface Question {
  blobId: BlobId
  shard: ShardIndex
  axis: Axis
  /** from 0 on, see `pieceShape` */
  piece: number
}

const BLOCK = 16
/** IDs that are enciphered at a time. */
const CHUNK = 4_096
/** Beyond what a double of the quotient may be off; what is close is compared exactly. */
const CLOSE = 1 + 2 ** -40

interface Candidate<T> {
  /** about: the top 64 bits, divided by the weight */
  about: number
  value: bigint
  weight: bigint
  blob: T
}

/** Takes blobs one by one, in any order, and keeps the `count` that are drawn. */
export class BlobDraw<T extends { blobId: BlobId }> {
  readonly #count: number
  readonly #cipher: ReturnType<typeof createCipheriv>
  #waiting: { blob: T; weight: number }[] = []
  #best: Candidate<T>[] = []
  #worst = Number.POSITIVE_INFINITY

  /** @param seed 32 bytes */
  constructor(seed: Uint8Array, count: number) {
    this.#count = count
    this.#cipher = createCipheriv('aes-256-ecb', seed, null)
    this.#cipher.setAutoPadding(false)
  }

  /** @param weight storage units that the blob pays for, 1 at least */
  add(blob: T, weight: number): void {
    this.#waiting.push({ blob, weight })
    if (this.#waiting.length >= CHUNK) this.#take()
  }

  /** In the order of their quotients. */
  drawn(): T[] {
    this.#take()
    this.#cut()
    return this.#best.map(({ blob }) => blob)
  }

  #take(): void {
    const blobs = this.#waiting
    if (blobs.length === 0) return
    this.#waiting = []
    const plain = Buffer.alloc(blobs.length * BLOCK)
    for (const [i, { blob }] of blobs.entries()) plain.write(blob.blobId, i * BLOCK, BLOCK, 'base64url')
    const sealed = this.#cipher.update(plain)
    for (const [i, { blob, weight }] of blobs.entries()) {
      const at = i * BLOCK
      const about = (sealed.readUInt32BE(at) * 2 ** 32 + sealed.readUInt32BE(at + 4)) / weight
      if (about > this.#worst * CLOSE) continue
      const value = (sealed.readBigUInt64BE(at) << 64n) | sealed.readBigUInt64BE(at + 8)
      this.#best.push({ about, value, weight: BigInt(weight), blob })
      if (this.#best.length >= 4 * this.#count + CHUNK) this.#cut()
    }
  }

  #cut(): void {
    this.#best.sort(byQuotient)
    this.#best.length = Math.min(this.#best.length, this.#count)
    if (this.#best.length === this.#count) this.#worst = this.#best.at(-1)?.about ?? 0
  }
}

/** a / b without division; of two that are equal, which takes two IDs that begin alike, the one with the smaller ID. */
function byQuotient<T extends { blobId: BlobId }>(a: Candidate<T>, b: Candidate<T>): number {
  const [left, right] = [a.value * b.weight, b.value * a.weight]
  if (left !== right) return left < right ? -1 : 1
  return Buffer.compare(blobIdToBytes(a.blob.blobId), blobIdToBytes(b.blob.blobId))
}

export interface QuestionsInit {
  /** 32 bytes */
  seed: Uint8Array
  nodeId: ObjectId
  /** as `BlobDraw` gives them */
  drawn: readonly BlobId[]
  /** the node's in the epoch, in ascending order */
  shards: readonly ShardIndex[]
  /** how many questions, whatever was drawn */
  draws: number
}

/** What one node is asked: as many as `draws`, none where no blob was drawn, or the node has no shard. */
export function questionsOf(
  { seed, nodeId, drawn, shards, draws }: QuestionsInit,
  shapeOf: (blobId: BlobId, axis: Axis) => Pick<PieceShape, 'count'>,
): Question[] {
  if (drawn.length === 0 || shards.length === 0) return []
  const node = objectIdToBytes(nodeId)
  return Array.from({ length: draws }, (_, i) => {
    const number = Buffer.alloc(4)
    number.writeUInt32LE(i)
    const hash = createHash('sha256').update(seed).update(node).update(number).digest()
    const blobId = drawn[i % drawn.length]!
    const axis = hash[8]! % 2 === 0 ? 'primary' : 'secondary'
    const within = (at: number, count: number): number => Number(hash.readBigUInt64LE(at) % BigInt(count))
    const piece = within(16, shapeOf(blobId, axis).count)
    return { blobId, shard: shards[within(0, shards.length)]!, axis, piece }
  })
}
