import type { ChainEvent } from '../../chain/types.ts'
import type { BlobId, Epoch } from '../../codec/types.ts'
import type { Log, SliverStore } from '../../protocols/ports.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { liveRegistrations } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'

export interface SweeperComponents {
  slivers: SliverStore
  metadata: MetadataStore
  records: BlobRecords
  /** an upload of the blob is under way */
  isOpen: (blobId: BlobId) => boolean
  log: Log
}

/** Gives back the room of blobs that nobody pays for any more. Made to be an event listener. */
export function createSweeper({ slivers, metadata, records, isOpen, log }: SweeperComponents) {
  async function drop(blobId: BlobId, reason: string): Promise<void> {
    if (isOpen(blobId)) return
    await metadata.delete(blobId)
    await slivers.delete(blobId)
    log.info({ blobId, reason }, 'dropped a blob')
  }

  return async (event: ChainEvent): Promise<void> => {
    if (event.type === 'BlobDeleted') {
      const state = await records.get(event.blobId)
      if (liveRegistrations(state, event.epoch).length === 0) await drop(event.blobId, 'deleted')
    } else if (event.type === 'InvalidBlobID') {
      await drop(event.blobId, 'invalid')
    } else if (event.type === 'EpochChangeStart') {
      for await (const blobId of metadata.list()) {
        const state = await records.get(blobId)
        if (state !== undefined && expired(state, event.epoch)) await drop(blobId, 'expired')
      }
    }
  }

  /** Only what has ended by the chain's word: a blob without any registration may still be on its way in. */
  function expired(state: Parameters<typeof liveRegistrations>[0], epoch: Epoch): boolean {
    return (state?.registrations.length ?? 0) > 0 && liveRegistrations(state, epoch).length === 0
  }
}
