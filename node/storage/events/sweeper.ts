import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import type { Timer } from '../../../base/timers.ts'
import type { ChainEvent } from '../../../chain/types/index.ts'
import type { BlobId, Epoch } from '../../../codec/types.ts'
import type { SliverStore } from '../../../protocols/ports.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { BlobLock } from '../blob-lock.ts'
import type { BlobRecords, Ending } from '../store/blob-records.ts'
import { afterDrop, isPaidFor } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'

export interface SweeperComponents {
  slivers: Pick<SliverStore, 'delete'>
  metadata: Pick<MetadataStore, 'delete'>
  records: BlobRecords
  committees: Pick<CommitteeTracker, 'get'>
  lock: Pick<BlobLock, 'exclusively' | 'isOpen' | 'onIdle'>
  log: Log
  clock: Clock
}

export interface Sweeper {
  /** Notes what an event ended; the work is done elsewhere, and its amount does not matter here. */
  onEvent(event: ChainEvent): void
  /**
   * Events are about to be followed: nothing is dropped until what this gives is called, once all events until now were
   * applied. What is missing so far may say that a blob lives on.
   */
  following(): Promise<() => void>
  /** Drops everything that has ended by now and can be dropped. Ends early, with no harm, when the signal is aborted. */
  sweep(signal: AbortSignal): Promise<{ dropped: number; failed: number }>
  start(): void
  stop(): Promise<void>
}

/** Notes that are read at a time. */
const SLICE = 64
/** A disk that fails may come back. */
const RETRY_MS = 60_000

/** Gives back the room of blobs that nobody pays for any more, in the background, one after the other. */
export function createSweeper(components: SweeperComponents): Sweeper {
  const { slivers, metadata, records, committees, lock, log, clock } = components
  /** of the events so far; undefined while they are caught up with */
  let epoch: Epoch | undefined
  let heard = 0 as Epoch
  const background = new Background(run)
  let retry: Timer | undefined
  const news = new Notify()
  /** ended, and passed over because an upload was under way */
  const postponed = new Set<BlobId>()
  lock.onIdle(blobId => {
    if (postponed.delete(blobId)) news.notify()
  })

  /** Whether the blob was dropped. No event of the blob is applied, and no upload of it begins, meanwhile. */
  function settle(ending: Ending, now: Epoch): Promise<boolean> {
    const { blobId } = ending
    return lock.exclusively(blobId, async () => {
      const state = await records.get(blobId)
      if (isPaidFor(state, now)) {
        await records.forget(ending)
        return false
      }
      if (lock.isOpen(blobId)) {
        postponed.add(blobId)
        return false
      }
      await slivers.delete(blobId)
      await metadata.delete(blobId)
      // the note last: it is by it that what is cut short is found again. That a blob is invalid must never be forgotten
      await records.dropped(ending, afterDrop(state, now))
      if (state?.dropped) return false
      log.debug({ blobId, reason: state?.invalid ? 'invalid' : 'ended' }, 'dropped a blob')
      return true
    })
  }

  async function sweep(signal: AbortSignal): Promise<{ dropped: number; failed: number }> {
    let dropped = 0
    let failed = 0
    for (let after: string | undefined; ; ) {
      if (signal.aborted || epoch === undefined) break
      const range = { limit: SLICE, after }
      const slice = await records.endings(epoch, range)
      for (const ending of slice) {
        if (signal.aborted || epoch === undefined) break
        try {
          if (await settle(ending, epoch)) dropped++
        } catch (err) {
          // the others may be on a better part of the disk
          if (failed++ === 0) log.error({ err, blobId: ending.blobId }, 'a blob was not dropped')
        }
      }
      if (slice.length < SLICE) break
      after = slice.at(-1)?.key
    }
    if (dropped > 0) log.info({ blobs: dropped, epoch }, 'dropped blobs that have ended')
    return { dropped, failed }
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await news.wait(signal).catch(() => undefined)
      if (signal.aborted) return
      retry?.stop()
      try {
        const { failed } = await sweep(signal)
        if (failed === 0) continue
      } catch (err) {
        log.error({ err }, 'ended blobs could not be looked for')
      }
      retry = clock.after(RETRY_MS, () => news.notify(), { background: true })
    }
  }

  return {
    onEvent(event) {
      if (event.type === 'EpochChangeStart') {
        heard = event.epoch
        if (epoch !== undefined) epoch = heard
      } else if (event.type !== 'BlobDeleted' && event.type !== 'InvalidBlobID') return
      news.notify()
    },
    async following() {
      epoch = undefined
      heard = 0 as Epoch
      // asked before the events are: all that led to this epoch is among those that are caught up with
      const current = (await committees.get({ fresh: true })).epoch
      return () => {
        epoch = Math.max(current, heard) as Epoch
        news.notify()
      }
    },
    sweep,
    start: () => background.start(),
    async stop() {
      await background.stop()
      retry?.stop()
    },
  }
}
