import type { ChainEvent } from '../../chain/types.ts'
import type { BlobId, Epoch } from '../../codec/types.ts'
import type { Log, SliverStore } from '../../protocols/ports.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { type BlobState, liveRegistrations } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'

export interface SweeperComponents {
  slivers: SliverStore
  metadata: MetadataStore
  records: BlobRecords
  /** an upload of the blob is under way */
  isOpen: (blobId: BlobId) => boolean
  log: Log
}

export interface Sweeper {
  /** Drops what an event ended, and what could not be dropped at an earlier one. Call it once at a time, in order. */
  onEvent(event: ChainEvent): Promise<void>
  /** Drops what had ended before the last stop, in case that came in between. */
  sweep(): Promise<void>
}

/** Gives back the room of blobs that nobody pays for any more. */
export function createSweeper({ slivers, metadata, records, isOpen, log }: SweeperComponents): Sweeper {
  /** ended while an upload was under way, which may still bring slivers */
  const postponed = new Set<BlobId>()
  /** by the events so far */
  let epoch = 0 as Epoch

  /** Whether the record must stay: it is by metadata and record together that a blob is dropped one day. */
  const isNeeded = async (blobId: BlobId): Promise<boolean> =>
    isOpen(blobId) || (await metadata.get(blobId)) !== undefined

  async function drop(blobId: BlobId, reason: string): Promise<void> {
    if (isOpen(blobId)) {
      postponed.add(blobId)
      return
    }
    postponed.delete(blobId)
    // slivers first: it is by the metadata that a sweep finds the blob again when this is cut short
    await slivers.delete(blobId)
    await metadata.delete(blobId)
    // and once more: whoever writes a sliver looks for the metadata afterwards, and may have found it until just now
    await slivers.delete(blobId)
    log.info({ blobId, reason }, 'dropped a blob')
  }

  async function dropWhere(ended: (state: BlobState) => string | undefined): Promise<void> {
    for await (const blobId of metadata.list()) {
      const state = await records.get(blobId)
      const reason = state === undefined ? undefined : ended(state)
      if (reason !== undefined) await drop(blobId, reason)
    }
  }

  /** Only ever between two events: a registration that comes meanwhile is not seen before the drop is over. */
  async function dropPostponed(): Promise<void> {
    for (const blobId of [...postponed]) {
      const reason = endIn(await records.get(blobId), epoch)
      if (reason === undefined) postponed.delete(blobId)
      else await drop(blobId, reason)
    }
  }

  return {
    async onEvent(event) {
      if ('epoch' in event) epoch = event.epoch
      await dropPostponed()
      if (event.type === 'BlobDeleted') {
        const state = await records.get(event.blobId)
        if (liveRegistrations(state, event.epoch).length === 0) await drop(event.blobId, 'deleted')
      } else if (event.type === 'InvalidBlobID') {
        await drop(event.blobId, 'invalid')
      } else if (event.type === 'EpochChangeStart') {
        // by the events' epoch, not the chain's: an extension may be among the events that are still to be read
        await dropWhere(state => endIn(state, event.epoch))
        const pruned = await records.prune(event.epoch, isNeeded)
        if (pruned > 0) log.info({ blobs: pruned, epoch: event.epoch }, 'forgot blobs that have ended')
      }
    },
    sweep: () => dropWhere(endOf),
  }
}

/** Why a blob has ended for good, whatever the epoch; undefined when it has not. */
function endOf(state: BlobState | undefined): string | undefined {
  if (state?.invalid) return 'invalid'
  return state?.registrations.length === 0 ? 'deleted' : undefined
}

/** Why a blob has ended by an epoch. */
function endIn(state: BlobState | undefined, epoch: Epoch): string | undefined {
  return endOf(state) ?? (liveRegistrations(state, epoch).length === 0 ? 'expired' : undefined)
}
