import { Countdown } from '../../../base/deadline.ts'
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
  // a Set keeps the order of insertion
  const unfinished = new Set<BlobId>()
  return {
    begin(blobId) {
      const handedIn: Promise<void>[] = []
      return {
        again: unfinished.has(blobId),
        registering: settled => handedIn.push(settled),
        registered() {
          unfinished.add(blobId)
          if (unfinished.size > REMEMBERED)
            for (const oldest of unfinished) if (unfinished.delete(oldest)) break
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
