import type { Clock } from '../../../../base/clock.ts'
import type { Timer } from '../../../../base/timers.ts'
import { type LedgerError, type WriteProblem, writeFailed, writeProblemOf } from '../errors.ts'
import { type Batch, emptyBatch, type KeyValueStore, mergeBatch } from './key-value.ts'

/** While the store cannot be written to, it is tried this often without being asked. */
const RETRY_MS = 1000

export interface BatchWriterOptions {
  clock: Clock
  /** told when writing begins to fail, and when it works again and everything is on disk */
  onProblem?: (problem: WriteProblem | undefined, error: LedgerError | undefined) => void
}

interface Pending {
  batch: Batch
  waiters: PromiseWithResolvers<void>[]
}

/**
 * Writes batches in order and groups those that arrive while one is being written, so that the cost of a sync is shared.
 * Reads see what is queued. When a write fails, memory is ahead of the disk: each waiter is told, the batch is kept and
 * tried again, and `ready` lets nothing new begin until it is written.
 */
export class BatchWriter {
  readonly #store: KeyValueStore
  readonly #clock: Clock
  readonly #onProblem: NonNullable<BatchWriterOptions['onProblem']>
  #pending: Pending | undefined
  #writing: Pending | undefined
  #running: Promise<void> | undefined
  #failure: LedgerError | undefined
  #timer: Timer | undefined
  #isClosed = false

  constructor(store: KeyValueStore, { clock, onProblem = () => undefined }: BatchWriterOptions) {
    this.#store = store
    this.#clock = clock
    this.#onProblem = onProblem
  }

  get failure(): LedgerError | undefined {
    return this.#failure
  }

  /** Resolves when the batch is durable. Rejects with a LedgerError when it could not be written yet: it stays queued. */
  write(batch: Batch): Promise<void> {
    this.#pending ??= { batch: emptyBatch(), waiters: [] }
    mergeBatch(this.#pending.batch, batch)
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return this.#wait()
  }

  /** Resolves when everything that was queued is durable; rejects as `write` does. */
  async flushed(): Promise<void> {
    await this.ready()
    if (this.#pending !== undefined) return await this.#wait()
    await this.#running
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Throws the LedgerError when the store still cannot be written to; tries it first. */
  async ready(): Promise<void> {
    if (this.#failure === undefined) return
    this.#pending ??= { batch: emptyBatch(), waiters: [] }
    await this.#run()
    if (this.#failure !== undefined) throw this.#failure
  }

  #wait(): Promise<void> {
    const waiter = Promise.withResolvers<void>()
    this.#pending!.waiters.push(waiter)
    // in a turn of its own, so that what is queued in this one goes along
    this.#running ??= Promise.resolve().then(() => this.#drain())
    return waiter.promise
  }

  #run(): Promise<void> {
    this.#running ??= this.#drain()
    return this.#running
  }

  /** Writes until nothing is queued, or it fails. Never rejects: waiters are told. */
  async #drain(): Promise<void> {
    this.#timer?.stop()
    while (this.#pending !== undefined) {
      this.#writing = this.#pending
      this.#pending = undefined
      try {
        await this.#store.write(this.#writing.batch)
      } catch (cause) {
        this.#fail(cause)
        break
      }
      for (const { resolve } of this.#writing.waiters) resolve()
      this.#writing = undefined
    }
    this.#running = undefined
    if (this.#pending === undefined && this.#failure !== undefined) {
      this.#failure = undefined
      this.#onProblem(undefined, undefined)
    }
  }

  #fail(cause: unknown): void {
    const problem = writeProblemOf(cause)
    const isNew = this.#failure === undefined
    const failure = writeFailed(problem, cause)
    this.#failure = failure
    const waiters = [...this.#writing!.waiters, ...((this.#pending as Pending | undefined)?.waiters ?? [])]
    const { batch } = this.#writing!
    if (this.#pending !== undefined) mergeBatch(batch, (this.#pending as Pending).batch)
    this.#pending = { batch, waiters: [] }
    this.#writing = undefined
    for (const { reject } of waiters) reject(failure)
    if (isNew) this.#onProblem(problem, failure)
    if (!this.#isClosed)
      this.#timer = this.#clock.after(RETRY_MS, () => void this.#run(), { background: true })
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    for (const queued of [this.#pending, this.#writing]) {
      if (queued?.batch.delete.has(key)) return undefined
      const value = queued?.batch.put.get(key)
      if (value !== undefined) return value
    }
    return this.#store.get(key)
  }

  /** What is on disk; not what is queued. */
  entries(prefix: string): AsyncIterable<[key: string, value: Uint8Array]> {
    return this.#store.entries(prefix)
  }

  /** Gives room of what was deleted back to the disk. */
  compact(): Promise<void> {
    return this.#store.compact()
  }

  /** Waits for what was queued; then closes the store. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.stop()
    await this.#running
    if (this.#pending !== undefined) await this.#run()
    await this.#store.close()
  }
}
