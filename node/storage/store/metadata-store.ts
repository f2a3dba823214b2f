import { KeyedLock } from '../../../base/keyed-lock.ts'
import { CodecError, decodeMetadata, encodeMetadata } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../../codec/types.ts'
import { metadataKey } from './keys.ts'
import type { CommitOptions, Records } from './records.ts'
import type { UsageCounter } from './usage-counter.ts'

/** Metadata of the blobs that the node keeps slivers of. */
export interface MetadataStore {
  /** undefined when not stored, or when the record is damaged. */
  get(blobId: BlobId): Promise<BlobMetadata | undefined>
  /** Durable when it resolves; without `sync`, as soon as something else is that was put afterwards. */
  put(metadata: BlobMetadata, options?: CommitOptions): Promise<void>
  delete(blobId: BlobId): Promise<void>
}

export function createMetadataStore(
  records: Records,
  nShards: number,
  usage: Pick<UsageCounter, 'commit'> = {
    commit: (operations, _, options) => records.commit(operations, options),
  },
): MetadataStore {
  /** a record is looked for before it is counted */
  const lock = new KeyedLock()
  return {
    async get(blobId) {
      const bytes = await records.get(metadataKey(blobId))
      if (bytes === undefined) return undefined
      try {
        return decodeMetadata(bytes, nShards)
      } catch (error) {
        if (error instanceof CodecError) return undefined
        throw error
      }
    },
    put(metadata, { sync = true } = {}) {
      const key = metadataKey(metadata.blobId)
      return lock.run(key, async () => {
        const value = encodeMetadata(metadata)
        const before = await records.get(key)
        if (before !== undefined && Buffer.compare(before, value) === 0) return
        await usage.commit([{ type: 'put', key, value }], { blobs: before === undefined ? 1 : 0 }, { sync })
      })
    },
    delete(blobId) {
      const key = metadataKey(blobId)
      return lock.run(key, async () => {
        if (await records.has(key)) await usage.commit([{ type: 'del', key }], { blobs: -1 })
      })
    },
  }
}
