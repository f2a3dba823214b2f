import type { Batch, KeyValueStore } from './key-value.ts'

/** Keeps everything in memory; gone when it is closed. */
export function memoryStore(): KeyValueStore {
  const values = new Map<string, Uint8Array>()
  return {
    async get(key) {
      return values.get(key)
    },
    async write(batch: Batch) {
      for (const key of batch.delete) values.delete(key)
      for (const [key, value] of batch.put) values.set(key, value)
    },
    async *entries(prefix) {
      const keys = [...values.keys()].filter(key => key.startsWith(prefix))
      for (const key of keys.sort()) yield [key, values.get(key)!]
    },
    async compact() {},
    async close() {
      values.clear()
    },
  }
}
