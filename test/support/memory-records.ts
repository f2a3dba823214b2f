import type { KeyRange, RecordOperation, Records } from '../../node/storage/store/records.ts'

/** Records in memory. Those who list see what was there when they began, as Level's do. */
export function memoryRecords(): Records {
  const all = new Map<string, Uint8Array>()
  const sorted = (prefix: string): string[] => [...all.keys()].filter(key => key.startsWith(prefix)).sort()
  return {
    async get(key) {
      return all.get(key)
    },
    async getMany(keys) {
      return keys.map(key => all.get(key))
    },
    async has(key) {
      return all.has(key)
    },
    async commit(operations: readonly RecordOperation[]) {
      for (const operation of operations) {
        if (operation.type === 'put') all.set(operation.key, operation.value)
        else all.delete(operation.key)
      }
    },
    async *list(prefix) {
      for (const [key, value] of sorted(prefix).map(key => [key, all.get(key)!] as const))
        yield { key, value }
    },
    async *keys(prefix, { after = '', before, limit = -1 }: KeyRange = {}) {
      const found = sorted(prefix).filter(key => key > after && (before === undefined || key < before))
      yield* limit < 0 ? found : found.slice(0, limit)
    },
    async close() {},
  }
}
