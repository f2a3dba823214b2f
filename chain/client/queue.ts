import { raceSignal } from 'race-signal'
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
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(owner: ObjectId, closed: AbortSignal) {
    this.#owner = owner
    this.#closed = closed
  }

  /** Runs the task when those before it are done. Throws QUEUE_FULL; aborting while it waits leaves the line. */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    if (this.#waiting >= MAX_WAITING) {
      const details = { waiting: this.#waiting, owner: this.#owner }
      throw new ChainError(
        'QUEUE_FULL',
        `${this.#waiting} transactions of ${this.#owner} are waiting`,
        details,
      )
    }
    const turn = this.#last
    const done = Promise.withResolvers<void>()
    this.#last = turn.then(() => done.promise)
    this.#waiting++
    try {
      await raceSignal(turn, signal ? AbortSignal.any([signal, this.#closed]) : this.#closed)
    } catch (error) {
      done.resolve()
      throw error
    } finally {
      this.#waiting--
    }
    try {
      return await task()
    } finally {
      done.resolve()
    }
  }
}
