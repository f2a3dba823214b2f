import { waitFor } from '../../../base/wait.ts'
import type { Address } from './address.ts'
import { type CheckpointRecord, decodeCheckpoint } from './checkpoint.ts'
import type { Digest } from './digest.ts'
import type { LedgerObject } from './object.ts'
import { decodeObject, decodeTransaction, type TransactionRecord } from './records.ts'
import { KEYS } from './store/keys.ts'
import type { BatchWriter } from './store/writer.ts'

/** What has happened, as far as it is on disk. */
export class History {
  readonly #writer: BatchWriter
  readonly #waiters = new Set<() => void>()
  readonly #lowest: () => bigint
  #durable: CheckpointRecord

  /** @param lowest the oldest checkpoint that is kept at the moment */
  constructor(writer: BatchWriter, tip: CheckpointRecord, lowest: () => bigint) {
    this.#writer = writer
    this.#lowest = lowest
    this.#durable = tip
  }

  /** The newest checkpoint that is on disk. */
  get height(): bigint {
    return this.#durable.sequence
  }

  /** To be told of every checkpoint once it is on disk. */
  reached(checkpoint: CheckpointRecord): void {
    if (checkpoint.sequence > this.#durable.sequence) this.#durable = checkpoint
    for (const wake of [...this.#waiters]) wake()
  }

  /** Resolves once the checkpoint is there; rejects with the signal's reason. */
  async waitFor(sequence: bigint, signal: AbortSignal): Promise<void> {
    while (this.height < sequence) {
      await waitFor(wake => {
        this.#waiters.add(wake)
        return () => this.#waiters.delete(wake)
      }, signal)
    }
  }

  async transaction(digest: Digest): Promise<TransactionRecord | undefined> {
    const bytes = await this.#writer.get(KEYS.transaction(digest))
    const record = bytes && decodeTransaction(digest, bytes)
    return record !== undefined && record.checkpoint >= this.#lowest() ? record : undefined
  }

  /** Whether it was executed and then pruned, so that it must not be executed again. */
  async isForgotten(digest: Digest): Promise<boolean> {
    // the record is there until the batch that drops it is written
    for (const key of [KEYS.transaction(digest), KEYS.executed(digest)])
      if ((await this.#writer.get(key)) !== undefined) return true
    return false
  }

  async checkpoint(which: bigint | Digest): Promise<CheckpointRecord | undefined> {
    if (typeof which === 'string') {
      const sequence = await this.#writer.get(KEYS.checkpointByDigest(which))
      return sequence && this.checkpoint(BigInt(JSON.parse(new TextDecoder().decode(sequence))))
    }
    if (which === this.height) return this.#durable
    if (which < this.#lowest() || which > this.height) return undefined
    const bytes = await this.#writer.get(KEYS.checkpoint(which))
    return bytes && decodeCheckpoint(bytes)
  }

  /** A version that was replaced or removed, as long as it is kept. */
  async oldObject(id: Address, version: bigint): Promise<LedgerObject | undefined> {
    const bytes = await this.#writer.get(KEYS.oldObject(id, version))
    return bytes && decodeObject(id, bytes)
  }
}
