import { raceSignal } from 'race-signal'
import { Background } from '../../../base/background.ts'
import { type Backoff, createBackoff } from '../../../base/backoff.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { Troubles } from '../../../base/troubles.ts'
import { anySignal } from '../../../base/wait.ts'
import { type ChainError, isChainError } from '../../../chain/index.ts'
import type { ChainEvent, ChainReader, FollowProgress } from '../../../chain/types/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { BlobLock } from '../blob-lock.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { applyBlobEvent, type BlobState, blobOfEvent } from '../store/blob-state.ts'
import { diskTrouble } from '../store/disk-error.ts'
import type { RecordOperation } from '../store/records.ts'

export interface BlobInfoComponents {
  chain: Pick<ChainReader, 'follow'>
  records: BlobRecords
  lock: Pick<BlobLock, 'exclusively'>
  /** What is to be noted in one batch with an event; of a blob's, nothing else is changed meanwhile. Nothing when absent. */
  noted?: (event: ChainEvent) => Promise<RecordOperation[]>
  /** Whence to know what the chain does not keep any more; nothing is heard of a pruned chain when absent. */
  tables?: {
    /** Ends what was cut short, before the chain is followed. */
    settle(signal: AbortSignal): Promise<void>
    /** False when there is nothing to be had now. */
    take(signal: AbortSignal): Promise<boolean>
  }
  /** What is to be noted when the chain has lost what was read of it. */
  forgotten?: () => RecordOperation[]
  log: Log
  clock: Clock
}

/** The node's own view of the chain: follows its events and keeps what they say about blobs. */
export interface BlobInfo {
  get(blobId: BlobId): Promise<BlobState | undefined>
  /** The first state that passes the test, or the last one seen when time is up. Rejects with the signal's reason. */
  waitFor(
    blobId: BlobId,
    test: (state: BlobState | undefined) => boolean,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<BlobState | undefined>
  /**
   * Called, and awaited, each time before events are asked for; what it gives is called once all events until then were
   * applied. Set before the start.
   */
  onFollow(listener: () => Promise<() => void>): void
  /** Called after each event was applied; a rejection is logged. Returns how to stop. */
  onEvent(listener: (event: ChainEvent) => void | Promise<void>): () => void
  /** Has the chain asked at once for what its RPC has not sent yet. */
  look(): void
  /** How far the chain was followed since the start, and whether that is its end; not told before something was heard. */
  readonly progress: Readonly<FollowProgress> | undefined
  start(): void
  stop(): Promise<void>
}

const FIRST_RETRY_MS = 200
/** a node that lost its chain should notice its return within seconds */
const LAST_RETRY_MS = 5_000
/** others may have to write their tables first, or the next epoch to begin */
const LAST_TABLE_RETRY_MS = 300_000

export function createBlobInfo(components: BlobInfoComponents): BlobInfo {
  return new EventDrivenBlobInfo(components)
}

class EventDrivenBlobInfo implements BlobInfo {
  readonly #components: BlobInfoComponents
  readonly #listeners = new Set<(event: ChainEvent) => void | Promise<void>>()
  readonly #followListeners: (() => Promise<() => void>)[] = []
  #progress: FollowProgress | undefined
  readonly #looks = new Notify()
  readonly #waiting = new Map<BlobId, Set<(state: BlobState) => void>>()
  readonly #background = new Background(signal => this.#follow(signal))

  constructor(components: BlobInfoComponents) {
    this.#components = components
  }

  get(blobId: BlobId): Promise<BlobState | undefined> {
    return this.#components.records.get(blobId)
  }

  async waitFor(
    blobId: BlobId,
    test: (state: BlobState | undefined) => boolean,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<BlobState | undefined> {
    signal?.throwIfAborted()
    const done = Promise.withResolvers<BlobState | undefined>()
    let last: BlobState | undefined
    const look = (state: BlobState | undefined): void => {
      last = state
      if (test(state)) done.resolve(state)
    }
    // on a busy machine the first look may take longer than that: it counts all the same
    const timer = this.#components.clock.after(timeoutMs, () => looked.then(() => done.resolve(last)))
    const watchers = this.#waiting.get(blobId) ?? new Set()
    this.#waiting.set(blobId, watchers.add(look))
    // listen first, then look: an event in between is not missed
    const looked = this.get(blobId).then(state => {
      if (last === undefined) look(state)
    }, done.reject)
    try {
      return await raceSignal(done.promise, signal)
    } finally {
      timer.stop()
      watchers.delete(look)
      if (watchers.size === 0 && this.#waiting.get(blobId) === watchers) this.#waiting.delete(blobId)
    }
  }

  onEvent(listener: (event: ChainEvent) => void | Promise<void>): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onFollow(listener: () => Promise<() => void>): void {
    this.#followListeners.push(listener)
  }

  look(): void {
    this.#looks.notify()
  }

  get progress(): Readonly<FollowProgress> | undefined {
    return this.#progress
  }

  start(): void {
    this.#background.start()
  }

  async stop(): Promise<void> {
    await this.#background.stop()
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { chain, records, tables, log, clock } = this.#components
    const backoff = createBackoff({ firstMs: FIRST_RETRY_MS, maxMs: LAST_RETRY_MS, timers: clock })
    const troubles = new Troubles(clock)
    const patience = createBackoff({ firstMs: 1_000, maxMs: LAST_TABLE_RETRY_MS, timers: clock })
    while (!signal.aborted) {
      try {
        await tables?.settle(signal)
        const caughtUp = await Promise.all(this.#followListeners.map(listener => listener()))
        const from = await records.cursor()
        for await (const event of chain.follow({
          from,
          complete: tables !== undefined,
          signal: anySignal(signal),
          look: this.#looks,
          onCaughtUp: () => caughtUp.forEach(listener => void listener()),
          onProgress: progress => {
            this.#progress = progress
          },
        })) {
          await this.#apply(event)
          backoff.reset()
          troubles.over()
          patience.reset()
        }
      } catch (error) {
        if (signal.aborted) break
        if (this.#progress !== undefined) this.#progress = { ...this.#progress, isTip: false }
        if (tables !== undefined && isChainError(error, 'HISTORY_PRUNED')) {
          if (!(await this.#takeTable(error, signal, patience.nextMs))) await waiting(patience, signal)
          continue
        }
        if (isChainError(error, 'CURSOR_UNKNOWN')) {
          // none of what it has now may be missed; hearing of the rest twice changes nothing
          const { cursor, height } = error.details
          log.warn(
            { cursor, height: String(height) },
            'the chain has lost what was read of it last; reading it from the beginning',
          )
          await records
            .rewind(this.#components.forgotten?.())
            .catch(err => log.error({ err }, 'the position in the chain was not written'))
        } else if (troubles.isNews(error)) {
          const what = diskTrouble(error) ? 'what the chain says cannot be written' : 'lost the chain'
          log.warn({ err: error, retryMs: backoff.nextMs }, `${what}; will follow it again`)
        }
      }
      await waiting(backoff, signal)
    }
  }

  /** What comes next is not kept: others know what it said. */
  async #takeTable(error: ChainError, signal: AbortSignal, retryMs: number): Promise<boolean> {
    const { tables, log } = this.#components
    try {
      if (await tables!.take(signal)) return true
      log.warn(
        { err: error, retryMs },
        'the chain does not keep what comes next, and there is no blob table of enough others; will ask again',
      )
    } catch (err) {
      if (!signal.aborted) log.warn({ err, retryMs }, 'no blob table was taken from others; will try again')
    }
    return false
  }

  async #apply(event: ChainEvent): Promise<void> {
    const { records, lock, log, noted = async () => [] } = this.#components
    const blobId = blobOfEvent(event)
    if (blobId === undefined) {
      await records.advance(event.cursor, undefined, await noted(event))
    } else {
      const state = await lock.exclusively(blobId, async () => {
        const before = await records.get(blobId)
        const after = applyBlobEvent(before, event)
        // in one batch with the cursor: what is missing of a blob is never forgotten, and the cursor waits for no recovery
        await records.advance(event.cursor, { blobId, state: after, before }, await noted(event))
        return after
      })
      for (const look of [...(this.#waiting.get(blobId) ?? [])]) look(state)
    }
    for (const listener of this.#listeners) {
      try {
        await listener(event)
      } catch (error) {
        log.error({ err: error, event: event.type }, 'an event was not dealt with')
      }
    }
  }
}

async function waiting(backoff: Backoff, signal: AbortSignal): Promise<void> {
  await backoff.pause(signal).catch(() => undefined)
}
