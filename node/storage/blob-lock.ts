import { KeyedLock } from '../../base/keyed-lock.ts'
import type { BlobId } from '../../codec/types.ts'

/**
 * The one lock of each blob. All that changes what a node keeps or knows of a blob goes through it, so that nothing acts upon
 * what another is changing: events, uploads, drops, and whatever comes to look after slivers.
 */
export interface BlobLock {
  /** One at a time per blob, in order of asking: what looks at records and acts upon them. */
  exclusively<T>(blobId: BlobId, run: () => Promise<T>): Promise<T>
  /**
   * An upload begins: it waits for what runs exclusively, and nothing of the blob may be dropped until what this gives is
   * called. Uploads of one blob do not exclude each other, nor its events.
   */
  enter(blobId: BlobId): Promise<() => void>
  /** Whether an upload of the blob is open. To be asked, and acted upon, by what runs exclusively. */
  isOpen(blobId: BlobId): boolean
  /** Called when the last upload of a blob is over. */
  onIdle(listener: (blobId: BlobId) => void): void
}

/** Made once for each node, by what composes it. */
export function createBlobLock(): BlobLock {
  const lock = new KeyedLock()
  const open = new Map<BlobId, number>()
  const listeners: ((blobId: BlobId) => void)[] = []

  function enterNow(blobId: BlobId): () => void {
    open.set(blobId, (open.get(blobId) ?? 0) + 1)
    let left = false
    return () => {
      if (left) return
      left = true
      const others = (open.get(blobId) ?? 1) - 1
      if (others > 0) {
        open.set(blobId, others)
        return
      }
      open.delete(blobId)
      for (const listener of listeners) listener(blobId)
    }
  }

  return {
    exclusively: (blobId, run) => lock.run(blobId, run),
    enter: blobId => lock.run(blobId, async () => enterNow(blobId)),
    isOpen: blobId => open.has(blobId),
    onIdle: listener => void listeners.push(listener),
  }
}
