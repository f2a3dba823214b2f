import { randomBytes } from 'node:crypto'
import type { BlobId, ShardIndex } from '../../../codec/types.ts'
import { blobHex, blobIdFromHex } from './keys.ts'
import type { SliverLocation } from './pack-file.ts'
import { FRAME_HEAD_BYTES } from './pack-frame.ts'

const BLOB_PACK = /^[0-9a-f]{2}\/([0-9a-f]{64})\.[0-9a-f]+$/
const SHARD_PACK = /^shard-([0-9a-f]{4})\/[0-9a-f]+$/

/** Path, below the folder of slivers, of a new pack with slivers of one blob: its name says of which. */
export function nameBlobPack(blobId: BlobId): string {
  const hex = blobHex(blobId)
  return `${hex.slice(0, 2)}/${hex}.${randomBytes(6).toString('hex')}`
}

/** The blob whose slivers a pack holds, if it is one of a single blob. */
export function blobOfPack(file: string): BlobId | undefined {
  const hex = BLOB_PACK.exec(file)?.[1]
  return hex === undefined ? undefined : blobIdFromHex(hex)
}

/** The same of a new pack with slivers of many blobs in one shard. */
export function nameShardPack(shard: ShardIndex): string {
  return `shard-${shard.toString(16).padStart(4, '0')}/${randomBytes(6).toString('hex')}`
}

/** The shard whose slivers a pack holds, if it is one of many blobs: then each sliver has a head before it. */
export function shardOfPack(file: string): ShardIndex | undefined {
  const hex = SHARD_PACK.exec(file)?.[1]
  return hex === undefined ? undefined : (Number.parseInt(hex, 16) as ShardIndex)
}

/** What a sliver takes of its pack, head included. */
export const footprintOf = ({ file, length }: Pick<SliverLocation, 'file' | 'length'>): number =>
  shardOfPack(file) === undefined ? length : length + FRAME_HEAD_BYTES

/** Whether a folder with this name may hold packs. */
export const isPackFolder = (name: string): boolean => /^([0-9a-f]{2}|shard-[0-9a-f]{4})$/.test(name)
