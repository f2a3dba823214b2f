import type { Clock } from '../../../base/clock.ts'
import { LruMap } from '../../../base/lru-map.ts'
import type { BlobId } from '../../../codec/types.ts'

/** One attempt to store a blob. Disposing of it waits for its registration, if that is under way. */
export interface Attempt extends AsyncDisposable {
  /** An earlier attempt paid for the blob and was cut short: nodes may not have seen that yet. */
  readonly again: boolean
  /** Its registration, or extension, was handed in: once that has been executed it is paid for, though nobody may wait for it any more. */
  paying(submitting: Promise<{ visible: Promise<unknown> }>): void
  /** It has reached its end. */
  certified(): void
}

/** Blobs that this client has paid for and not certified, so that the next attempt looks for what there is. */
export interface UncertifiedBlobs {
  begin(blobId: BlobId): Attempt
}

/** The oldest are forgotten first: nodes have long heard of them. */
const REMEMBERED = 256
/** What a transaction that nobody waits for any more is given. */
const SETTLE_MS = 10_000

export function createUncertifiedBlobs(clock: Clock): UncertifiedBlobs {
  const blobs = new LruMap<BlobId, true>(REMEMBERED)
  return {
    begin(blobId) {
      let settled: Promise<unknown> | undefined
      return {
        again: blobs.has(blobId),
        paying(submitting) {
          const paid = submitting.then(({ visible }) => {
            blobs.set(blobId, true)
            return visible
          })
          settled = paid.catch(() => undefined)
        },
        certified: () => blobs.delete(blobId),
        async [Symbol.asyncDispose]() {
          if (settled !== undefined) await clock.settlesWithin(settled, SETTLE_MS)
        },
      }
    },
  }
}
