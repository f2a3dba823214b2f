import { decodeCheckpoint } from '../checkpoint.ts'
import { decodeTransaction } from '../records.ts'
import { parseTransaction } from '../transaction.ts'
import { emptyBatch } from './key-value.ts'
import { KEYS } from './keys.ts'
import type { BatchWriter } from './writer.ts'

/** Old versions of objects are kept for so many transactions, for followers that are a little behind. */
export const KEPT_TRANSACTIONS = 10_000n
/** Work in batches of so many transactions. */
const EVERY = 500n
/** Room on the disk is got back when so many checkpoints were dropped, or as many as are kept: whatever is more. */
const COMPACT_EVERY = 1000n

export interface PrunerOptions {
  /** checkpoints whose objects can be read as they were; 10,000 when absent, and never more than checkpoints */
  keptObjects?: bigint
  /** checkpoints that are kept, with their transactions and events; all when absent */
  keptCheckpoints?: bigint
  /** the oldest checkpoint that the store still has */
  lowest?: bigint
}

/**
 * Forgets old versions of objects and, where so many checkpoints are to be kept, all that is older, as a Sui full node does:
 * checkpoints, transactions, events. Works behind the chain, so that a few more are kept for a while.
 */
export class Pruner {
  readonly #writer: BatchWriter
  readonly #keptObjects: bigint
  readonly #keptCheckpoints: bigint | undefined
  readonly #every: bigint
  #lowest: bigint
  #height = 0n
  #done = 0n
  #dropped = 0n
  #running: Promise<void> | undefined

  constructor(
    writer: BatchWriter,
    { keptObjects = KEPT_TRANSACTIONS, keptCheckpoints, lowest = 0n }: PrunerOptions = {},
  ) {
    this.#writer = writer
    this.#keptCheckpoints = keptCheckpoints
    this.#keptObjects = min(keptObjects, keptCheckpoints ?? keptObjects)
    this.#every = min(EVERY, this.#keptObjects / 10n + 1n)
    this.#lowest = lowest
  }

  /** The oldest checkpoint that can be read, with its transactions and events. */
  get lowest(): bigint {
    return this.#lowest
  }

  /** The oldest checkpoint whose objects can still be read. */
  lowestObjects(height: bigint): bigint {
    const kept = height > this.#keptObjects ? height - this.#keptObjects : 0n
    return kept > this.#lowest ? kept : this.#lowest
  }

  /** To be told of every new height. */
  reached(height: bigint): void {
    this.#height = height
    if (this.#isDue()) this.#running ??= this.#run()
  }

  #isDue(): boolean {
    return this.#height > this.#keptObjects && this.#height >= this.#done + this.#every
  }

  /** Until nothing is due any more: the chain goes on meanwhile. */
  async #run(): Promise<void> {
    try {
      while (this.#isDue()) {
        this.#done = this.#height
        await this.#prune(this.#done)
      }
    } catch {
      // a store that cannot be written to tells the next transaction
    } finally {
      this.#running = undefined
    }
  }

  async #prune(height: bigint): Promise<void> {
    await this.#pruneObjects(this.lowestObjects(height))
    if (this.#keptCheckpoints === undefined || height < this.#keptCheckpoints) return
    await this.#pruneCheckpoints(height - this.#keptCheckpoints + 1n)
    const enough = this.#keptCheckpoints > COMPACT_EVERY ? this.#keptCheckpoints : COMPACT_EVERY
    if (this.#dropped < enough) return
    this.#dropped = 0n
    await this.#writer.compact()
  }

  async #pruneObjects(lowest: bigint): Promise<void> {
    const batch = emptyBatch()
    const end = KEYS.outdatedBy(lowest)
    for await (const [key, value] of this.#writer.entries(KEYS.outdated)) {
      if (key >= end) break
      batch.delete.add(key)
      for (const old of JSON.parse(new TextDecoder().decode(value)) as string[]) batch.delete.add(old)
    }
    await this.#writer.write(batch)
  }

  /** Drops everything below `end`; readers are told first that it is gone. */
  async #pruneCheckpoints(end: bigint): Promise<void> {
    while (this.#lowest < end) {
      const from = this.#lowest
      const to = min(from + EVERY, end)
      this.#lowest = to
      const batch = emptyBatch()
      batch.put.set(KEYS.lowest, new TextEncoder().encode(to.toString()))
      for (let sequence = from; sequence < to; sequence++) {
        const bytes = await this.#writer.get(KEYS.checkpoint(sequence))
        if (bytes === undefined) continue
        const checkpoint = decodeCheckpoint(bytes)
        batch.delete.add(KEYS.checkpoint(sequence)).add(KEYS.checkpointByDigest(checkpoint.digest))
        for (const { transaction } of checkpoint.transactions) {
          const key = KEYS.transaction(transaction)
          const record = await this.#writer.get(key)
          batch.delete.add(key)
          // it uses up no object that would keep it from being executed again
          if (record !== undefined && isRepeatable(decodeTransaction(transaction, record).transaction))
            batch.put.set(KEYS.executed(transaction), new Uint8Array(0))
        }
      }
      await this.#writer.write(batch)
      this.#dropped += to - from
    }
  }

  async idle(): Promise<void> {
    await this.#running
  }
}

const isRepeatable = (bytes: Uint8Array): boolean => {
  const { expiration } = parseTransaction(bytes).data
  return expiration?.$kind === 'ValidDuring' || expiration?.$kind === 'Validity'
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
