import type { Clock } from '../../base/clock.ts'
import type { Records } from '../../base/records.ts'
import type { ObjectId } from '../../codec/types.ts'

/** As long as a retry is known. */
const KEPT_MS = 24 * 3_600_000

/**
 * Registrations that a request has made for an object of its own and will go on with when it is tried again: another one that took such
 * a registration for one that was cut short would be answered with the same object.
 */
export class Reservations {
  readonly #records: Records
  readonly #clock: Pick<Clock, 'now'>

  constructor(records: Records, clock: Pick<Clock, 'now'>) {
    this.#records = records
    this.#clock = clock
  }

  /** Throws RecordsFull, and node's file errors; so do the others. */
  async reserve(objectId: ObjectId, by: string): Promise<void> {
    await this.#records.set(objectId, by, this.#clock.now() + KEPT_MS)
  }

  async mayTake(objectId: ObjectId, by: string | undefined): Promise<boolean> {
    const holder = await this.#records.get(objectId)
    return holder === undefined || holder === by
  }

  async free(objectId: ObjectId): Promise<void> {
    await this.#records.delete(objectId)
  }
}
