import type { Clock } from '../../base/clock.ts'
import { KeyedLock } from '../../base/keyed-lock.ts'
import type { Records } from '../../base/records.ts'
import { HttpError } from '../http/errors.ts'

/** What one may store in a day (UTC): each subject of tokens, and each address. */
export interface Quota {
  uploads?: number | undefined
  /** of bodies, as they come */
  bytes?: number | undefined
}

interface Used {
  uploads: number
  bytes: number
}

const DAY_MS = 24 * 3_600_000

/** Counts what was stored; kept where records are. */
export class Quotas {
  readonly #quota: Quota
  readonly #records: Records
  readonly #clock: Clock
  readonly #locks = new KeyedLock()

  constructor(quota: Quota, records: Records, clock: Clock) {
    this.#quota = quota
    this.#records = records
    this.#clock = clock
  }

  /** Whether there is room for so much more. Throws HttpError 429 with the time at which there is. */
  async expect(who: readonly string[], bytes: number): Promise<void> {
    for (const one of who) this.#expectRoom(await this.#used(one), bytes)
  }

  /** Counts an upload for each of them. Throws as `expect`, and counts none then. */
  async take(who: readonly string[], bytes: number): Promise<void> {
    for (const [i, one] of who.entries()) {
      try {
        await this.#add(one, 1, bytes)
      } catch (error) {
        for (const before of who.slice(0, i)) await this.#add(before, -1, -bytes)
        throw error
      }
    }
  }

  async giveBack(who: readonly string[], bytes: number): Promise<void> {
    for (const one of who) await this.#add(one, -1, -bytes)
  }

  async #add(one: string, uploads: number, bytes: number): Promise<void> {
    await this.#locks.run(one, async () => {
      const used = await this.#used(one)
      if (uploads > 0) this.#expectRoom(used, bytes)
      const sum: Used = { uploads: used.uploads + uploads, bytes: used.bytes + bytes }
      await this.#records.set(this.#key(one), JSON.stringify(sum), this.#endMs())
    })
  }

  #expectRoom({ uploads, bytes: usedBytes }: Used, bytes: number): void {
    const { uploads: maxUploads, bytes: maxBytes } = this.#quota
    const isOver =
      (maxUploads !== undefined && uploads + 1 > maxUploads) ||
      (maxBytes !== undefined && usedBytes + bytes > maxBytes)
    if (!isOver) return
    const words = `the quota of the day is used up: ${uploads} uploads, ${usedBytes} bytes`
    const retryAfterSeconds = Math.ceil((this.#endMs() - this.#clock.now()) / 1000)
    throw new HttpError(429, 'QUOTA_EXCEEDED', words, { retryAfterSeconds })
  }

  async #used(one: string): Promise<Used> {
    const text = await this.#records.get(this.#key(one))
    return text === undefined ? { uploads: 0, bytes: 0 } : (JSON.parse(text) as Used)
  }

  #key(one: string): string {
    return `quota ${Math.floor(this.#clock.now() / DAY_MS)} ${one}`
  }

  #endMs(): number {
    return (Math.floor(this.#clock.now() / DAY_MS) + 1) * DAY_MS
  }
}
