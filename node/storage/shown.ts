import type { BlobId } from '../../codec/types.ts'
import type { ServerPorts } from '../../protocols/index.ts'

/** What a node answers readers from. */
export type ReadPorts = Pick<ServerPorts, 'slivers' | 'status'>

/**
 * The same without the blobs that are not to be handed out: to peers they look as if they were not stored here, so that
 * readers ask others. What is stored stays, and so does what the chain says of it.
 */
export function showing(
  { slivers, status }: ReadPorts,
  isShown: (blobId: BlobId) => Promise<boolean> | boolean,
): ReadPorts {
  const where = async <T>(blobId: BlobId, show: () => Promise<T | undefined>): Promise<T | undefined> =>
    (await isShown(blobId)) ? await show() : undefined
  return {
    slivers: {
      has: async (blobId, ref) => (await isShown(blobId)) && (await slivers.has(blobId, ref)),
      holds: async (blobId, ref, check) =>
        (await isShown(blobId)) && (await slivers.holds(blobId, ref, check)),
      get: (blobId, ref, options) => where(blobId, () => slivers.get(blobId, ref, options)),
      open: (blobId, ref, options) => where(blobId, () => slivers.open(blobId, ref, options)),
      put: (blobId, ref, bytes, options) => slivers.put(blobId, ref, bytes, options),
      list: async blobId => ((await isShown(blobId)) ? await slivers.list(blobId) : []),
      delete: blobId => slivers.delete(blobId),
    },
    status: {
      blobStatus: (blobId, options) => status.blobStatus(blobId, options),
      metadata: (blobId, options) => where(blobId, () => status.metadata(blobId, options)),
      nodeInfo: () => status.nodeInfo(),
    },
  }
}
