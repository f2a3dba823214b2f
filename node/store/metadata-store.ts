import { CodecError, decodeMetadata, encodeMetadata } from '../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../codec/types.ts'
import { blobIdFromHex, METADATA_PREFIX, metadataKey } from './keys.ts'
import type { Records } from './records.ts'

/** Metadata of the blobs that the node keeps slivers of. */
export interface MetadataStore {
  /** undefined when not stored, or when the record is damaged. */
  get(blobId: BlobId): Promise<BlobMetadata | undefined>
  /** Durable when it resolves. */
  put(metadata: BlobMetadata): Promise<void>
  delete(blobId: BlobId): Promise<void>
  list(): AsyncIterable<BlobId>
}

export function createMetadataStore(records: Records, nShards: number): MetadataStore {
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
    async put(metadata) {
      const record = {
        type: 'put' as const,
        key: metadataKey(metadata.blobId),
        value: encodeMetadata(metadata),
      }
      await records.commit([record], { sync: true })
    },
    async delete(blobId) {
      await records.commit([{ type: 'del', key: metadataKey(blobId) }])
    },
    async *list() {
      for await (const { key } of records.list(METADATA_PREFIX))
        yield blobIdFromHex(key.slice(METADATA_PREFIX.length))
    },
  }
}
