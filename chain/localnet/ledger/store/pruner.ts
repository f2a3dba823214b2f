import { emptyBatch } from './key-value.ts'
import { KEYS } from './keys.ts'
import type { BatchWriter } from './writer.ts'

/** Old versions of objects are kept for so many transactions, for followers that are a little behind. */
export const KEPT_TRANSACTIONS = 10_000n
/** Work in batches of so many transactions. */
const EVERY = 500n

/** Forgets old versions of objects; transactions and checkpoints stay. */
export class Pruner {
  readonly #writer: BatchWriter
  #running: Promise<void> | undefined

  readonly #kept: bigint

  constructor(writer: BatchWriter, kept = KEPT_TRANSACTIONS) {
    this.#writer = writer
    this.#kept = kept
  }

  /** The oldest checkpoint whose objects can still be read. */
  lowest(height: bigint): bigint {
    return height > this.#kept ? height - this.#kept : 0n
  }

  /** To be told of every new height. */
  reached(height: bigint): void {
    if (height % EVERY !== 0n || height <= this.#kept || this.#running !== undefined) return
    this.#running = this.#prune(this.lowest(height))
      // a store that cannot be written to tells the next transaction
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined
      })
  }

  async #prune(lowest: bigint): Promise<void> {
    const batch = emptyBatch()
    const end = KEYS.outdatedBy(lowest)
    for await (const [key, value] of this.#writer.entries(KEYS.outdated)) {
      if (key >= end) break
      batch.delete.add(key)
      for (const old of JSON.parse(new TextDecoder().decode(value)) as string[]) batch.delete.add(old)
    }
    await this.#writer.write(batch)
  }

  async idle(): Promise<void> {
    await this.#running
  }
}
