import type { BlobId, Epoch, ShardIndex, SliverPairIndex, SliverRef } from '../../../codec/types.ts'

/** The record that says whose store this is and which version wrote it. */
export const SCHEMA_KEY = '/schema'
/** Position in the chain's events, in the same batch as what the event changed. */
export const CURSOR_KEY = '/cursor/events'
export const BLOB_PREFIX = '/blob/'
/** `<epoch as 8 hex digits>/<blob>`: blobs of which, as far as was known, nothing is stored from that epoch on. */
export const ENDING_PREFIX = '/ending/'
/** What the store holds: a total, and what was added and removed since, each in the batch that did so. */
export const USAGE_PREFIX = '/usage/'
export const USAGE_TOTAL_KEY = `${USAGE_PREFIX}total`
export const USAGE_CHANGE_PREFIX = `${USAGE_PREFIX}change/`
export const METADATA_PREFIX = '/metadata/'
export const SLIVER_PREFIX = '/sliver/'
/** Pack files that are being written or removed: no sliver's record refers to them. */
export const PENDING_PREFIX = '/pending/'
/** How much of a pack file is needed, in the same batch as the records of its slivers. */
export const PACK_PREFIX = '/pack/'
/** Pack files of which less than half is needed. */
export const SPARSE_PREFIX = '/sparse/'

/** How the node stands in the epochs. */
export const NODE_STATE_KEY = '/node/state'
/** `<shard as 4 hex digits>`: what the node has to do with a shard. */
export const SHARD_PREFIX = '/shard/'
/** `<blob>`: shards of the node of which slivers of the blob are missing. */
export const MISSING_PREFIX = '/missing/'
/** How many of these there are, by reason and by shard. */
export const MISSING_COUNTS_KEY = '/missing-counts'
/** `<ms since 1970 as 12 hex digits>/<blob>`: when they are to be looked for, in the batch of each. */
export const DUE_PREFIX = '/due/'

/** The blob table that is to be written, and the newest epoch for which one was. */
export const TABLE_PENDING_KEY = '/tables/pending'
export const TABLE_BEGUN_KEY = '/tables/begun'
/** A table that is taken from others. */
export const TABLE_INCOMING_KEY = '/tables/incoming'
/** `<epoch as 8 hex digits>/`: `head`, `page/<8 hex digits>`, `hash/<8 hex digits>`. */
export const TABLE_PREFIX = '/table/'
/** `<epoch as 8 hex digits>/<blob>`: what was known of a blob as the epoch began, once that has changed. */
export const BEFORE_PREFIX = '/before/'

/** 64 hex digits: unlike base64url they sort as the bytes do, and mean the same on case-folding file systems. */
export function blobHex(blobId: BlobId): string {
  return Buffer.from(blobId, 'base64url').toString('hex')
}

export function blobIdFromHex(hex: string): BlobId {
  return Buffer.from(hex, 'hex').toString('base64url') as BlobId
}

export const blobKey = (blobId: BlobId): string => BLOB_PREFIX + blobHex(blobId)
export const endingKey = (epoch: Epoch, blobId: BlobId): string =>
  `${ENDING_PREFIX}${epoch.toString(16).padStart(8, '0')}/${blobHex(blobId)}`
/** All endings up to an epoch come before this. */
export const endingsUpTo = (epoch: Epoch): string =>
  `${ENDING_PREFIX}${(epoch + 1).toString(16).padStart(8, '0')}`
export const metadataKey = (blobId: BlobId): string => METADATA_PREFIX + blobHex(blobId)
export const sliversOfBlob = (blobId: BlobId): string => `${SLIVER_PREFIX}${blobHex(blobId)}/`
export const packKey = (file: string): string => PACK_PREFIX + file
export const sparseKey = (file: string): string => SPARSE_PREFIX + file
export const pendingKey = (file: string): string => PENDING_PREFIX + file

/** `<axis>/<pair as 4 hex digits>` below the blob. */
export function sliverKey(blobId: BlobId, { axis, pair }: SliverRef): string {
  return `${sliversOfBlob(blobId)}${axis}/${pair.toString(16).padStart(4, '0')}`
}

/** The reference at the end of a sliver's key. */
export function refOfSliverKey(key: string): SliverRef {
  const [axis, pair] = key.split('/').slice(-2)
  return {
    axis: axis === 'primary' ? 'primary' : 'secondary',
    pair: Number.parseInt(pair!, 16) as SliverPairIndex,
  }
}

/** The blob of a `sliverKey`. */
export const blobIdOfSliver = (key: string): BlobId =>
  blobIdFromHex(key.slice(SLIVER_PREFIX.length, SLIVER_PREFIX.length + 64))

/** The blob of an `endingKey`. */
export const blobIdOfEnding = (key: string): BlobId => blobIdFromHex(key.slice(key.lastIndexOf('/') + 1))

const hex8 = (value: number): string => value.toString(16).padStart(8, '0')
export const tablePrefix = (epoch: Epoch): string => `${TABLE_PREFIX}${hex8(epoch)}/`
export const tableHeadKey = (epoch: Epoch): string => `${tablePrefix(epoch)}head`
export const tablePageKey = (epoch: Epoch, page: number): string => `${tablePrefix(epoch)}page/${hex8(page)}`
export const tableHashKey = (epoch: Epoch, page: number): string => `${tablePrefix(epoch)}hash/${hex8(page)}`
export const beforesOf = (epoch: Epoch): string => `${BEFORE_PREFIX}${hex8(epoch)}/`
export const beforeKey = (epoch: Epoch, blobId: BlobId): string => beforesOf(epoch) + blobHex(blobId)
/** The epoch of a key below `tablePrefix` or `beforesOf`. */
export const epochOfKey = (key: string): Epoch => Number.parseInt(key.split('/')[2]!, 16) as Epoch
/** `<blob>`: slivers of it were found damaged, and what is missing of it was not looked up since. */
export const DAMAGED_PREFIX = '/damaged/'
/** The newest round of storage challenges, and all of it. */
export const CHALLENGE_PREFIX = '/challenge/'
export const ROUND_KEY = `${CHALLENGE_PREFIX}round`
/** `<node ID>`: what the node has done in it. */
export const roundNodeKey = (nodeId: string): string => `${CHALLENGE_PREFIX}node/${nodeId}`
/** `<blob>`: whether the blob was owed as it was opened, once that has changed. */
export const WAS_OWED_PREFIX = `${CHALLENGE_PREFIX}was/`
export const wasOwedKey = (blobId: BlobId): string => WAS_OWED_PREFIX + blobHex(blobId)
/** How far stored slivers were looked at. */
export const SCRUB_KEY = '/scrub'
/** Bytes that the node has moved in a month. */
export const MONTH_KEY = '/month'

export const shardKey = (shard: ShardIndex): string => SHARD_PREFIX + shard.toString(16).padStart(4, '0')
export const shardOfKey = (key: string): ShardIndex =>
  Number.parseInt(key.slice(SHARD_PREFIX.length), 16) as ShardIndex
export const dueKey = (urgency: string, ms: number, blobId: BlobId): string =>
  `${duesFrom(urgency, ms)}${blobHex(blobId)}`
export const duesOf = (urgency: string): string => `${DUE_PREFIX}${urgency}/`
/** All of the same urgency that is due before comes before this. */
export const duesFrom = (urgency: string, ms: number): string =>
  `${duesOf(urgency)}${ms.toString(16).padStart(12, '0')}/`
/** The moment and the blob of a `dueKey`. */
export function dueOfKey(key: string): { dueMs: number; blobId: BlobId } {
  const [, ms, hex] = key.slice(DUE_PREFIX.length).split('/')
  return { dueMs: Number.parseInt(ms!, 16), blobId: blobIdFromHex(hex!) }
}
export const missingKey = (blobId: BlobId): string => MISSING_PREFIX + blobHex(blobId)
export const damagedKey = (blobId: BlobId): string => DAMAGED_PREFIX + blobHex(blobId)
