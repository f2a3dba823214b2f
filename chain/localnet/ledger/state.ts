import type { Address } from './address.ts'
import { type CheckpointRecord, encodeCheckpoint } from './checkpoint.ts'
import type { Outcome } from './execution/effects.ts'
import type { LedgerObject } from './object.ts'
import { encodeObject, encodeTransaction, type TransactionRecord } from './records.ts'
import { type Batch, emptyBatch } from './store/key-value.ts'
import { KEYS } from './store/keys.ts'
import type { LiveObjects } from './store/live-objects.ts'
import type { BatchWriter } from './store/writer.ts'

/** What tells one localnet from another; never changes. */
export interface Identity {
  kind: 'floe-localnet'
  schemaVersion: number
  chainId: string
  genesisMs: number
}

/** What the chain knows besides its objects, as it is stored. */
export interface StoredState {
  height: string
  /** rounds of randomness drawn so far */
  randomRounds: number
  /** coin type that the faucet gives besides SUI */
  faucetCoin?: { coinType: string; amount: string }
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

/**
 * Where the chain stands: its objects, its newest checkpoint and little else, in memory, and on its way to the disk. Each change is
 * a batch, whole or not at all; who must know that it is durable waits for what the change gives.
 */
export class LedgerState {
  readonly objects: LiveObjects
  readonly #writer: BatchWriter
  #stored: StoredState
  #tip: CheckpointRecord

  constructor(init: {
    objects: LiveObjects
    writer: BatchWriter
    stored: StoredState
    tip: CheckpointRecord
  }) {
    this.objects = init.objects
    this.#writer = init.writer
    this.#stored = init.stored
    this.#tip = init.tip
  }

  /** The newest checkpoint, which need not be on disk yet. */
  get tip(): CheckpointRecord {
    return this.#tip
  }

  get randomRounds(): number {
    return this.#stored.randomRounds
  }

  get faucetCoin(): StoredState['faucetCoin'] {
    return this.#stored.faucetCoin
  }

  /** Changes what is known besides objects and checkpoints; `save` or `putSystem` has it written. */
  set(change: Partial<Omit<StoredState, 'height'>>): void {
    this.#stored = { ...this.#stored, ...change }
  }

  save(): Promise<void> {
    const batch = emptyBatch()
    batch.put.set(KEYS.state, json(this.#stored))
    return this.#write(batch)
  }

  /** Puts an object that no transaction made. */
  put(object: LedgerObject): void {
    const batch = emptyBatch()
    this.#put(batch, object)
    this.#write(batch)
  }

  /** Puts what the chain has changed by itself, with what it knows besides. */
  putSystem(written: readonly LedgerObject[]): void {
    const batch = emptyBatch()
    for (const object of written) this.#put(batch, object)
    batch.put.set(KEYS.state, json(this.#stored))
    this.#write(batch)
  }

  /** A transaction has happened, in a checkpoint of its own. */
  append(
    checkpoint: CheckpointRecord,
    record: TransactionRecord,
    { written, settled, removed, emptied }: Pick<Outcome, 'written' | 'settled' | 'removed' | 'emptied'>,
  ): Promise<void> {
    const batch = emptyBatch()
    const outdated = this.#apply(batch, [...written, ...settled], [...removed, ...emptied])
    batch.put.set(KEYS.outdatedBy(checkpoint.sequence), json(outdated))
    this.#tip = checkpoint
    this.#stored = { ...this.#stored, height: checkpoint.sequence.toString() }
    batch.put.set(KEYS.transaction(record.digest), encodeTransaction(record))
    batch.put.set(KEYS.checkpoint(checkpoint.sequence), encodeCheckpoint(checkpoint))
    batch.put.set(KEYS.checkpointByDigest(checkpoint.digest), json(checkpoint.sequence.toString()))
    batch.put.set(KEYS.state, json(this.#stored))
    return this.#write(batch)
  }

  /** Puts changes into memory and into the batch; answers the keys of the versions that they replaced. */
  #apply(batch: Batch, written: readonly LedgerObject[], removed: readonly Address[]): string[] {
    const outdated: string[] = []
    const keepOld = (id: Address) => {
      const before = this.objects.get(id)
      if (before === undefined) return
      const key = KEYS.oldObject(id, before.version)
      batch.put.set(key, encodeObject(before))
      outdated.push(key)
    }
    for (const object of written) {
      keepOld(object.id)
      this.#put(batch, object)
    }
    for (const id of removed) {
      keepOld(id)
      this.objects.delete(id)
      batch.delete.add(KEYS.object(id))
    }
    return outdated
  }

  #put(batch: Batch, object: LedgerObject): void {
    this.objects.put(object)
    batch.put.set(KEYS.object(object.id), encodeObject(object))
  }

  /** Who does not wait for it is told of a failure by the writer. */
  #write(batch: Batch): Promise<void> {
    const written = this.#writer.write(batch)
    written.catch(() => undefined)
    return written
  }
}
