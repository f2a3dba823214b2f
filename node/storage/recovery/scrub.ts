import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import { defined } from '../../../base/defined.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { createTokenBucket } from '../../../base/token-bucket.ts'
import type { ChainEvent } from '../../../chain/types/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import type { Budget } from '../budget.ts'
import { type NodeRecords, putScrub, type ScrubRecord } from '../store/node-records.ts'
import type { ScrubbedFile, ShardedSliverStore } from '../store/shard-slivers.ts'

export interface ScrubComponents {
  slivers: Pick<ShardedSliverStore, 'scrub' | 'scrubUntold'>
  records: Pick<NodeRecords, 'scrub' | 'commit'>
  /** the newest whose beginning was heard of; 0 before the first */
  epoch: () => Epoch
  budget: Budget
  /** the default's when absent */
  bytesPerSecond?: number
  /** So many slivers were looked at, and so many of them were bad. */
  scrubbed: (slivers: number, bytes: number, bad: number) => void
  clock: Clock
  log: Log
}

/** How far stored slivers were looked at. */
export interface ScrubView {
  /** in which the present round, or the last one, was begun; 0 before the first */
  epoch: Epoch
  /** Whether all slivers were looked at in it. */
  over: boolean
  /** slivers since the start of the process, and those of them that were bad */
  checked: number
  bad: number
}

/** Looks at every stored sliver once an epoch, so that what a disk forgets is noticed while others still have it. */
export interface Scrub {
  view(): ScrubView
  /** While an epoch's change is under way it rests, for a minute at most. */
  onEvent(event: Pick<ChainEvent, 'type'>): void
  start(): void
  stop(): Promise<void>
}

/** 1.4 TB a day, of which SHA-256 takes some percent of a core. */
export const SCRUB_BYTES_PER_SECOND = 16 * 1024 * 1024
/** A sliver counts as so many at least, 256 a second: small ones cost a look-up and a read, whatever their size. */
const LEAST_BYTES = 64 * 1024
/** Waits that are shorter are made up for later. */
const LEAST_WAIT_MS = 50
/** What a kill lets be looked at twice. */
const NOTED_MS = 5_000
const RETRY_MS = 60_000
/** A round has the whole epoch. Shards that change hands are work enough for disks, and cores that nodes share. */
const CHANGE_MS = 60_000
/** Files that do not tell what is in them, of one round. */
const UNTOLD = 10_000

export function createScrub(components: ScrubComponents): Scrub {
  return new PacedScrub(components)
}

class PacedScrub implements Scrub {
  readonly #components: ScrubComponents
  readonly #news = new Notify()
  readonly #pace: (bytes: number, signal: AbortSignal) => Promise<void>
  #record: ScrubRecord = { epoch: 0 as Epoch, over: true }
  #checked = 0
  #bad = 0
  #notedAt = 0
  /** when the last change began, if it is not over */
  #changingAt: number | undefined
  readonly #background = new Background(signal => this.#run(signal))

  constructor(components: ScrubComponents) {
    this.#components = components
    const { clock, budget, bytesPerSecond = SCRUB_BYTES_PER_SECOND } = components
    const bucket = createTokenBucket(bytesPerSecond, bytesPerSecond, () => clock.monotonic())
    this.#pace = async (size, signal) => {
      const bytes = Math.max(size, LEAST_BYTES)
      await this.#untilSettled(signal)
      const waitMs = bucket.take(bytes)
      if (waitMs >= LEAST_WAIT_MS) await clock.sleep(waitMs, signal)
      // of what is looked at there is one sliver in memory
      await budget.within('scrub', 0, signal, async grant => grant.spent({ bytes }))
      await budget.breathe(signal)
    }
  }

  view(): ScrubView {
    const { epoch, over = false } = this.#record
    return { epoch, over, checked: this.#checked, bad: this.#bad }
  }

  onEvent({ type }: Pick<ChainEvent, 'type'>): void {
    if (type === 'EpochChangeStart') this.#changingAt = this.#components.clock.monotonic()
    else if (type === 'EpochChangeDone') this.#changingAt = undefined
    else return
    this.#news.notify()
  }

  start(): void {
    this.#background.start()
  }

  async stop(): Promise<void> {
    await this.#background.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { records, epoch, clock, log } = this.#components
    while (!signal.aborted) {
      try {
        this.#record = (await records.scrub()) ?? this.#record
        // one that was cut short goes on, though another epoch has begun
        if (this.#record.over && this.#record.epoch < epoch()) this.#record = { epoch: epoch() }
        if (this.#record.over) await this.#news.wait(signal)
        else await this.#round(signal)
      } catch (err) {
        if (signal.aborted) return
        log.warn({ err, retryMs: RETRY_MS }, 'stored slivers were not looked at')
        await clock.sleep(RETRY_MS, signal).catch(() => undefined)
      }
    }
  }

  async #untilSettled(signal: AbortSignal): Promise<void> {
    const { clock } = this.#components
    for (;;) {
      if (this.#changingAt === undefined) return
      const leftMs = this.#changingAt + CHANGE_MS - clock.monotonic()
      if (leftMs <= 0) return
      await this.#news.waitWithin(leftMs, clock, signal)
    }
  }

  /** From where the record says. */
  async #round(signal: AbortSignal): Promise<void> {
    const { slivers, clock, log } = this.#components
    const pace = (bytes: number): Promise<void> => this.#pace(bytes, signal)
    const options = { after: this.#record.after, pace, signal }
    this.#notedAt = clock.monotonic()
    for await (const found of slivers.scrub(options)) {
      const { untold = [] } = this.#record
      if (found.untold && untold.length < UNTOLD) untold.push(found.file)
      this.#record = {
        ...this.#record,
        after: found.file,
        ...defined({ untold: untold.length > 0 ? untold : undefined }),
      }
      this.#count(found)
      if (clock.monotonic() - this.#notedAt >= NOTED_MS) await this.#note()
    }
    const { epoch, untold = [] } = this.#record
    if (untold.length > 0) {
      await this.#note()
      for await (const found of slivers.scrubUntold(new Set(untold), options)) this.#count(found)
    }
    this.#record = { epoch, over: true }
    await this.#note()
    log.debug({ epoch, checked: this.#checked, bad: this.#bad }, 'looked at all stored slivers')
  }

  #count({ slivers, bytes, bad }: ScrubbedFile): void {
    this.#checked += slivers
    this.#bad += bad
    this.#components.scrubbed(slivers, bytes, bad)
  }

  /** What is bad up to there was noted before. */
  async #note(): Promise<void> {
    const { records, clock } = this.#components
    await records.commit([putScrub(this.#record)], { sync: this.#record.over === true })
    this.#notedAt = clock.monotonic()
  }
}
