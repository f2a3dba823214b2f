import type { BlobId } from '../../../codec/types.ts'
import type { BlobRecords } from '../store/blob-records.ts'

/** Which blobs are being uploaded here: what is written of them must not be dropped meanwhile. */
export interface OpenUploads {
  /** Waits for a drop of the blob that has begun; none begins until what this gives is called. */
  enter(blobId: BlobId): Promise<() => void>
  isOpen(blobId: BlobId): boolean
  /** Called when the last upload of a blob is over. */
  onIdle(listener: (blobId: BlobId) => void): void
}

export function createOpenUploads({ exclusively }: Pick<BlobRecords, 'exclusively'>): OpenUploads {
  const open = new Map<BlobId, number>()
  const listeners: ((blobId: BlobId) => void)[] = []
  return {
    enter(blobId) {
      return exclusively(blobId, async () => {
        open.set(blobId, (open.get(blobId) ?? 0) + 1)
        let left = false
        return () => {
          if (left) return
          left = true
          const others = (open.get(blobId) ?? 1) - 1
          if (others > 0) open.set(blobId, others)
          else {
            open.delete(blobId)
            for (const listener of listeners) listener(blobId)
          }
        }
      })
    },
    isOpen: blobId => open.has(blobId),
    onIdle: listener => void listeners.push(listener),
  }
}
