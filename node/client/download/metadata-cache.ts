import type { Clock } from '../../../base/clock.ts'
import type { BlobId, BlobMetadata } from '../../../codec/types.ts'

/** Metadata that was checked against its blob ID, for a short while: what exists may be deleted. */
export interface MetadataCache {
  get(blobId: BlobId): BlobMetadata | undefined
  put(metadata: BlobMetadata): void
  delete(blobId: BlobId): void
}

/** Long enough for the requests that belong to one page or one download. */
const TTL_MS = 10_000
/** bytes of hashes: a hundred blobs at n = 1000 */
const CAPACITY_BYTES = 8 * 1024 * 1024

export function createMetadataCache(clock: Pick<Clock, 'monotonic'>): MetadataCache {
  const entries = new Map<BlobId, { metadata: BlobMetadata; until: number }>()
  let bytes = 0

  function remove(blobId: BlobId): void {
    bytes -= entries.get(blobId)?.metadata.hashes.length ?? 0
    entries.delete(blobId)
  }
  return {
    get(blobId) {
      const entry = entries.get(blobId)
      if (entry !== undefined && entry.until > clock.monotonic()) return entry.metadata
      remove(blobId)
      return undefined
    },
    put(metadata) {
      remove(metadata.blobId)
      entries.set(metadata.blobId, { metadata, until: clock.monotonic() + TTL_MS })
      bytes += metadata.hashes.length
      // a Map keeps the order of insertion: the first is the oldest
      for (const oldest of entries.keys()) {
        if (bytes <= CAPACITY_BYTES) break
        remove(oldest)
      }
    },
    delete: remove,
  }
}
