import { type Batch, emptyBatch, type KeyValueStore, mergeBatch } from './key-value.ts'

/**
 * Writes batches in order and groups those that arrive while one is being written, so that the cost of a
 * sync is shared. Reads see what is queued. When a write fails, nothing more is accepted: memory would be
 * ahead of the disk for good.
 */
export class BatchWriter {
  readonly #store: KeyValueStore
  #queued: Batch | undefined
  #writing: Batch | undefined
  #flush: Promise<void> = Promise.resolve()
  #failure: Error | undefined

  constructor(store: KeyValueStore) {
    this.#store = store
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  /** Resolves when the batch is durable. */
  write(batch: Batch): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#queued) {
      mergeBatch(this.#queued, batch)
      return this.#flush
    }
    this.#queued = emptyBatch()
    mergeBatch(this.#queued, batch)
    this.#flush = this.#flush.then(() => this.#next())
    this.#flush.catch(() => undefined)
    return this.#flush
  }

  async #next(): Promise<void> {
    if (this.#failure) throw this.#failure
    this.#writing = this.#queued
    this.#queued = undefined
    if (!this.#writing) return
    try {
      await this.#store.write(this.#writing)
    } catch (cause) {
      this.#failure = new Error('the ledger cannot write to its store', { cause })
      throw this.#failure
    } finally {
      this.#writing = undefined
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    for (const batch of [this.#queued, this.#writing]) {
      if (batch?.delete.has(key)) return undefined
      const value = batch?.put.get(key)
      if (value) return value
    }
    return this.#store.get(key)
  }

  /** What is on disk; not what is queued. */
  entries(prefix: string): AsyncIterable<[key: string, value: Uint8Array]> {
    return this.#store.entries(prefix)
  }

  /** Waits for what was queued; then closes the store. */
  async close(): Promise<void> {
    await this.#flush.catch(() => undefined)
    await this.#store.close()
  }
}
