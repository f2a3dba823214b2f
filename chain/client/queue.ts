import { createSemaphore, type Hold } from '../../base/semaphore.ts'
import { anySignal } from '../../base/wait.ts'
import type { ObjectId } from '../../codec/types.ts'
import { ChainError } from '../errors.ts'

/** Enough for every upload of a busy gateway; a longer line means that the chain has stalled. */
const MAX_WAITING = 256

/**
 * One wallet's transactions, one after the other. Two that are built at the same time would take the same coins at the
 * same versions: one of them fails, and on Sui the coins can stay locked until the epoch ends.
 */
export class WalletQueue {
  readonly #owner: ObjectId
  readonly #closed: AbortSignal
  readonly #turns = createSemaphore(1)

  constructor(owner: ObjectId, closed: AbortSignal) {
    this.#owner = owner
    this.#closed = closed
  }

  /** The next place, when those before it were released. Throws QUEUE_FULL; aborting while it waits leaves the line. */
  async take(signal?: AbortSignal): Promise<Hold> {
    signal?.throwIfAborted()
    const { waiting } = this.#turns
    if (waiting >= MAX_WAITING) {
      const details = { waiting, owner: this.#owner }
      throw new ChainError('QUEUE_FULL', `${waiting} transactions of ${this.#owner} are waiting`, details)
    }
    return await this.#turns.take(1, anySignal(signal, this.#closed))
  }
}
