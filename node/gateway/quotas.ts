import type { Clock } from '../../base/clock.ts'
import { KeyedLock } from '../../base/keyed-lock.ts'
import type { Records } from '../../base/records.ts'
import { HttpError } from '../http/errors.ts'

/** What one may store in a day (UTC): each subject of tokens, and each address. */
export interface Quota {
  uploads?: number | undefined
  /** of blobs; a quilt's may be larger than its files */
  bytes?: number | undefined
}

interface Used {
  uploads: number
  bytes: number
}

const DAY_MS = 24 * 3_600_000

/** What an upload was counted as, and on which day. */
export interface Counted {
  who: readonly string[]
  bytes: number
  day: number
}

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
    const day = this.#today()
    for (const one of who) this.#expectRoom(await this.#used(one, day), bytes)
  }

  /** Counts an upload for each of them. Throws as `expect`, and counts none then. */
  async take(who: readonly string[], bytes: number): Promise<Counted> {
    const day = this.#today()
    for (const [i, one] of who.entries()) {
      try {
        await this.#add(one, bytes, day)
      } catch (error) {
        await this.giveBack({ who: who.slice(0, i), bytes, day })
        throw error
      }
    }
    return { who, bytes, day }
  }

  /** On the day on which it was counted: one that is over is nothing any more. */
  async giveBack({ who, bytes, day }: Counted): Promise<void> {
    for (const one of who) await this.#locks.run(one, () => this.#subtract(one, bytes, day))
  }

  async #add(one: string, bytes: number, day: number): Promise<void> {
    await this.#locks.run(one, async () => {
      const used = await this.#used(one, day)
      this.#expectRoom(used, bytes)
      await this.#set(one, { uploads: used.uploads + 1, bytes: used.bytes + bytes }, day)
    })
  }

  async #subtract(one: string, bytes: number, day: number): Promise<void> {
    if (day !== this.#today()) return
    const used = await this.#used(one, day)
    const left: Used = { uploads: Math.max(0, used.uploads - 1), bytes: Math.max(0, used.bytes - bytes) }
    if (left.uploads > 0) await this.#set(one, left, day)
    else await this.#records.delete(keyOf(one, day))
  }

  async #set(one: string, used: Used, day: number): Promise<void> {
    await this.#records.set(keyOf(one, day), JSON.stringify(used), endMs(day))
  }

  #expectRoom({ uploads, bytes: usedBytes }: Used, bytes: number): void {
    const { uploads: maxUploads, bytes: maxBytes } = this.#quota
    const isOver =
      (maxUploads !== undefined && uploads + 1 > maxUploads) ||
      (maxBytes !== undefined && usedBytes + bytes > maxBytes)
    if (!isOver) return
    const words = `the quota of the day is used up: ${uploads} uploads, ${usedBytes} bytes`
    const retryAfterSeconds = Math.ceil((endMs(this.#today()) - this.#clock.now()) / 1000)
    throw new HttpError(429, 'QUOTA_EXCEEDED', words, { retryAfterSeconds })
  }

  async #used(one: string, day: number): Promise<Used> {
    const text = await this.#records.get(keyOf(one, day))
    return text === undefined ? { uploads: 0, bytes: 0 } : (JSON.parse(text) as Used)
  }

  #today(): number {
    return Math.floor(this.#clock.now() / DAY_MS)
  }
}

const keyOf = (one: string, day: number) => `quota ${day} ${one}`
const endMs = (day: number) => (day + 1) * DAY_MS
