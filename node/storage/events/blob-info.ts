import { raceSignal } from 'race-signal'
import { createBackoff } from '../../../base/backoff.ts'
import type { Log } from '../../../base/log.ts'
import { anySignal } from '../../../base/wait.ts'
import { isChainError } from '../../../chain/index.ts'
import type { ChainEvent, ChainReader } from '../../../chain/types.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { applyBlobEvent, type BlobState, blobOfEvent } from '../store/blob-state.ts'
import { diskTrouble } from '../store/disk-error.ts'

export interface BlobInfoComponents {
  chain: Pick<ChainReader, 'follow'>
  records: BlobRecords
  log: Log
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
  start(): void
  stop(): Promise<void>
}

const FIRST_RETRY_MS = 200
/** a node that lost its chain should notice its return within seconds */
const LAST_RETRY_MS = 5_000
/** a disk may be full for long */
const SAY_MS = 60_000

export function createBlobInfo(components: BlobInfoComponents): BlobInfo {
  return new EventDrivenBlobInfo(components)
}

class EventDrivenBlobInfo implements BlobInfo {
  readonly #components: BlobInfoComponents
  readonly #listeners = new Set<(event: ChainEvent) => void | Promise<void>>()
  readonly #followListeners: (() => Promise<() => void>)[] = []
  readonly #waiting = new Map<BlobId, Set<(state: BlobState) => void>>()
  #stopping = new AbortController()
  #running: Promise<void> | undefined

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
    const timer = setTimeout(() => looked.then(() => done.resolve(last)), timeoutMs)
    const watchers = this.#waiting.get(blobId) ?? new Set()
    this.#waiting.set(blobId, watchers.add(look))
    // listen first, then look: an event in between is not missed
    const looked = this.get(blobId).then(state => {
      if (last === undefined) look(state)
    }, done.reject)
    try {
      return await raceSignal(done.promise, signal)
    } finally {
      clearTimeout(timer)
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

  start(): void {
    this.#stopping = new AbortController()
    this.#running ??= this.#follow(this.#stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new DOMException('the node stops', 'AbortError'))
    await this.#running
    this.#running = undefined
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { chain, records, log } = this.#components
    const backoff = createBackoff({ firstMs: FIRST_RETRY_MS, maxMs: LAST_RETRY_MS })
    let saidAt = Number.NEGATIVE_INFINITY
    while (!signal.aborted) {
      try {
        const caughtUp = await Promise.all(this.#followListeners.map(listener => listener()))
        const from = await records.cursor()
        for await (const event of chain.follow({
          ...(from === undefined ? {} : { from }),
          signal: anySignal(signal),
          onCaughtUp: () => caughtUp.forEach(listener => void listener()),
        })) {
          await this.#apply(event)
          backoff.reset()
        }
      } catch (error) {
        if (signal.aborted) break
        if (isChainError(error, 'CURSOR_UNKNOWN')) {
          // none of what it has now may be missed; hearing of the rest twice changes nothing
          const { cursor, height } = error.details
          log.warn(
            { cursor, height: String(height) },
            'the chain has lost what was read of it last; reading it from the beginning',
          )
          await records.rewind().catch(err => log.error({ err }, 'the position in the chain was not written'))
        } else if (diskTrouble(error) === undefined)
          log.warn({ err: error, retryMs: backoff.nextMs }, 'lost the chain; will follow it again')
        else if (performance.now() - saidAt > SAY_MS) {
          saidAt = performance.now()
          log.warn({ err: error }, 'what the chain says cannot be written; will follow it again')
        }
      }
      await backoff.pause(signal).catch(() => undefined)
    }
  }

  async #apply(event: ChainEvent): Promise<void> {
    const { records, log } = this.#components
    const blobId = blobOfEvent(event)
    if (blobId === undefined) {
      await records.advance(event.cursor)
    } else {
      const state = await records.exclusively(blobId, async () => {
        const before = await records.get(blobId)
        const after = applyBlobEvent(before, event)
        await records.advance(event.cursor, { blobId, state: after, before })
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
