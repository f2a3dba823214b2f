/** One atomic change of the store. */
export interface Batch {
  put: Map<string, Uint8Array>
  delete: Set<string>
}

export const emptyBatch = (): Batch => ({ put: new Map(), delete: new Set() })

/** Adds `from` to `into`, later changes winning. */
export function mergeBatch(into: Batch, from: Batch): void {
  for (const [key, value] of from.put) {
    into.put.set(key, value)
    into.delete.delete(key)
  }
  for (const key of from.delete) {
    into.delete.add(key)
    into.put.delete(key)
  }
}

/** What the ledger needs of a database: keys are text and ordered by their bytes. */
export interface KeyValueStore {
  get(key: string): Promise<Uint8Array | undefined>
  /** Atomic; durable when it resolves. */
  write(batch: Batch): Promise<void>
  /** All entries whose key starts with `prefix`, in order of key. */
  entries(prefix: string): AsyncIterable<[key: string, value: Uint8Array]>
  /** Gives room of what was deleted back to the disk. */
  compact(): Promise<void>
  close(): Promise<void>
}
