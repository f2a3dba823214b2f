import { open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { blobIdFromBytes, blobIdToBytes } from '../../../codec/index.ts'
import type { BlobId, SliverPairIndex, SliverRef } from '../../../codec/types.ts'

/**
 * In a pack of many blobs each sliver has a head before it, so that the pack tells by itself what it holds: `FLSV`, blob ID
 * (32 bytes), axis (0 primary, 1 secondary), 0, pair (u16), length of the sliver (u32), CRC-32 of all that (u32). Integers
 * are little-endian.
 */
export const FRAME_HEAD_BYTES = 48

export interface FrameHead {
  blobId: BlobId
  ref: SliverRef
  /** of the sliver behind it */
  length: number
}

/** The first bytes of every head. */
const MAGIC = Buffer.from('FLSV')
const CHECKED_BYTES = FRAME_HEAD_BYTES - 4

export function encodeFrameHead({ blobId, ref, length }: FrameHead): Uint8Array {
  const head = Buffer.alloc(FRAME_HEAD_BYTES)
  head.set(MAGIC)
  head.set(blobIdToBytes(blobId), 4)
  head.writeUInt8(ref.axis === 'primary' ? 0 : 1, 36)
  head.writeUInt16LE(ref.pair, 38)
  head.writeUInt32LE(length, 40)
  head.writeUInt32LE(crc32(head.subarray(0, CHECKED_BYTES)), CHECKED_BYTES)
  return head
}

/** undefined for bytes that are no head, or a damaged one. */
export function decodeFrameHead(bytes: Uint8Array): FrameHead | undefined {
  if (bytes.length !== FRAME_HEAD_BYTES) return undefined
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (Buffer.compare(head.subarray(0, MAGIC.length), MAGIC) !== 0) return undefined
  if (head.readUInt32LE(CHECKED_BYTES) !== crc32(head.subarray(0, CHECKED_BYTES))) return undefined
  return {
    blobId: blobIdFromBytes(head.subarray(4, 36)),
    ref: {
      axis: head.readUInt8(36) === 0 ? 'primary' : 'secondary',
      pair: head.readUInt16LE(38) as SliverPairIndex,
    },
    length: head.readUInt32LE(40),
  }
}

/** Where a sliver lies in a pack of many blobs. */
export interface Frame extends FrameHead {
  /** of the sliver itself */
  offset: number
}

const BLOCK_BYTES = 256 * 1024

/** What the heads in a file say, in order. Of what is damaged nothing is said: it goes on at the next whole head. */
export async function* framesIn(path: string): AsyncIterable<Frame> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const block = Buffer.alloc(BLOCK_BYTES)
    let [start, end] = [0, 0]
    for (let at = 0; at + FRAME_HEAD_BYTES <= size; ) {
      if (at < start || at + FRAME_HEAD_BYTES > end) {
        start = at
        end = at + (await file.read(block, 0, BLOCK_BYTES, at)).bytesRead
        // it became shorter meanwhile
        if (at + FRAME_HEAD_BYTES > end) return
      }
      const head = decodeFrameHead(block.subarray(at - start, at - start + FRAME_HEAD_BYTES))
      const offset = at + FRAME_HEAD_BYTES
      if (head !== undefined && offset + head.length <= size) {
        yield { ...head, offset }
        at = offset + head.length
      } else {
        const next = block.subarray(0, end - start).indexOf(MAGIC, at - start + 1)
        at = next >= 0 ? start + next : Math.max(at + 1, end - MAGIC.length + 1)
      }
    }
  } finally {
    await file.close()
  }
}
