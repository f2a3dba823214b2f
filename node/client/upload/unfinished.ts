import { Countdown } from '../../../base/deadline.ts'
import { LruMap } from '../../../base/lru-map.ts'
import type { BlobId } from '../../../codec/types.ts'

/** One attempt to store a blob. Disposing of it waits for its transactions. */
export interface Attempt extends AsyncDisposable {
  /** An earlier attempt paid for the blob and was cut short: nodes may not have seen that yet. */
  readonly again: boolean
  /** A registration is being handed in; whatever ends the wait for it, `settled` tells when it has happened or failed. */
  registering(settled: Promise<void>): void
  /** It was paid for. */
  registered(): void
  /** It has reached its end. */
  certified(): void
}

/** Blobs that this client has paid for and not certified, so that the next attempt looks for what there is. */
export interface Unfinished {
  begin(blobId: BlobId): Attempt
}

/** The oldest are forgotten first: nodes have long heard of them. */
const REMEMBERED = 256
/** What a transaction that nobody waits for any more is given. */
const SETTLE_MS = 10_000

export function createUnfinished(): Unfinished {
  const unfinished = new LruMap<BlobId, true>(REMEMBERED)
  return {
    begin(blobId) {
      const handedIn: Promise<void>[] = []
      return {
        again: unfinished.has(blobId),
        registering: settled => handedIn.push(settled),
        registered() {
          unfinished.set(blobId, true)
        },
        certified: () => unfinished.delete(blobId),
        async [Symbol.asyncDispose]() {
          const late = Promise.withResolvers<void>()
          const limit = new Countdown(SETTLE_MS, late.resolve)
          await Promise.race([Promise.all(handedIn), late.promise]).finally(() => limit.stop())
        },
      }
    },
  }
}
