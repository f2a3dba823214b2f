import { blobIdToBytes } from '../../../codec/index.ts'
import type { BlobId, Epoch, SliverPairIndex, SliverRef } from '../../../codec/types.ts'

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
/** Pack files that are being written: no index record refers to them yet. */
export const PENDING_PREFIX = '/pending/'

/** 64 hex digits: unlike base64url they sort as the bytes do, and mean the same on case-folding file systems. */
export function blobHex(blobId: BlobId): string {
  return Buffer.from(blobIdToBytes(blobId)).toString('hex')
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

/** The blob of an `endingKey`. */
export const blobIdOfEnding = (key: string): BlobId => blobIdFromHex(key.slice(key.lastIndexOf('/') + 1))
