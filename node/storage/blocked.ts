import type { BlobId } from '../../codec/types.ts'
import { ProtocolError } from '../../protocols/index.ts'
import type { Custody, SliverStore, StatusSource } from '../../protocols/ports.ts'

/** What a node shows its peers. */
export interface Shown {
  custody: Custody
  slivers: SliverStore
  status: StatusSource
}

/**
 * The same without the blobs that the operator may not hand out: to peers they look as if they were not stored here, so
 * that readers ask others, and no upload of one is taken. What is stored stays, and so does what the chain says of it.
 */
export function withoutBlocked(
  { custody, slivers, status }: Shown,
  isBlocked: (blobId: BlobId) => boolean,
): Shown {
  const unless = async <T>(blobId: BlobId, show: () => Promise<T | undefined>): Promise<T | undefined> =>
    isBlocked(blobId) ? undefined : await show()
  return {
    custody: {
      async open(header, context) {
        const { blobId } = header.metadata
        if (isBlocked(blobId)) throw new ProtocolError('BLOCKED', { args: { blobId } })
        return await custody.open(header, context)
      },
    },
    slivers: {
      has: async (blobId, ref) => !isBlocked(blobId) && (await slivers.has(blobId, ref)),
      holds: async (blobId, ref, check) => !isBlocked(blobId) && (await slivers.holds(blobId, ref, check)),
      get: (blobId, ref, options) => unless(blobId, () => slivers.get(blobId, ref, options)),
      open: (blobId, ref, options) => unless(blobId, () => slivers.open(blobId, ref, options)),
      put: (blobId, ref, bytes, options) => slivers.put(blobId, ref, bytes, options),
      list: async blobId => (isBlocked(blobId) ? [] : await slivers.list(blobId)),
      delete: blobId => slivers.delete(blobId),
    },
    status: {
      blobStatus: (blobId, options) => status.blobStatus(blobId, options),
      metadata: (blobId, options) => unless(blobId, () => status.metadata(blobId, options)),
      nodeInfo: () => status.nodeInfo(),
    },
  }
}
