import type { BlobId } from '../../../codec/types.ts'
import { Batcher } from './batcher.ts'
import { blobIdFromHex, DUE_PREFIX, dueKey, MISSING_COUNTS_KEY, MISSING_PREFIX } from './keys.ts'
import {
  dueMsOf,
  type MissingCounts,
  type MissingRecord,
  missingCountsOf,
  urgencyOf,
} from './node-records.ts'
import { decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'

interface Change {
  operations: readonly RecordOperation[]
  sync: boolean
}

const isOfMissing = ({ key }: RecordOperation): boolean => key.startsWith(MISSING_PREFIX)

/**
 * The same records, with what is missing counted, and found by when it is due, in the batch of each change of it: a
 * reader reads what is due and no more, however much is missing. Changes that come while one is written are one batch, and
 * share its sync.
 */
export function indexingMissing(records: Records): Records {
  // one batch after the other: the counts of one are made from those that the one before has left
  const batcher = new Batcher<Change>((_, changes) => commitAll(records, changes), { atOnce: true })
  return {
    get: key => records.get(key),
    getMany: keys => records.getMany(keys),
    has: key => records.has(key),
    list: prefix => records.list(prefix),
    keys: (prefix, range) => records.keys(prefix, range),
    commit: (operations, options = {}) =>
      operations.some(isOfMissing)
        ? batcher.add(MISSING_PREFIX, { operations, sync: options.sync ?? false })
        : records.commit(operations, options),
    async close() {
      await batcher.idle()
      await records.close()
    },
  }
}

async function commitAll(records: Records, changes: readonly Change[]): Promise<void> {
  const operations = changes.flatMap(change => change.operations)
  const sync = changes.some(change => change.sync)
  const index = await indexOf(records, operations.filter(isOfMissing))
  await records.commit([...operations, ...index], { sync })
}

/** What is to be noted with changes, which come one after the other. */
async function indexOf(records: Records, changes: readonly RecordOperation[]): Promise<RecordOperation[]> {
  const keys = [...new Set(changes.map(({ key }) => key))]
  const values = await records.getMany(keys)
  const now = new Map(keys.map((key, i) => [key, recordOf(values[i])]))
  // most blobs that are dropped lack nothing
  if (changes.every(({ type, key }) => type === 'del' && now.get(key) === undefined)) return []
  const counts = missingCountsOf(await records.get(MISSING_COUNTS_KEY))
  const index: RecordOperation[] = []
  for (const change of changes) {
    const { key } = change
    const next = change.type === 'put' ? recordOf(change.value) : undefined
    index.push(...noted(counts, blobIdOf(key), now.get(key), -1), ...noted(counts, blobIdOf(key), next, 1))
    now.set(key, next)
  }
  return [...index, { type: 'put', key: MISSING_COUNTS_KEY, value: encodeJson(counts) }]
}

/** Counts and notes anew, for stores of versions that did not, and for repaired ones. */
export async function* reindexMissing(records: Records): AsyncIterable<RecordOperation> {
  const counts = missingCountsOf(undefined)
  for await (const key of records.keys(DUE_PREFIX)) yield { type: 'del', key }
  for await (const { key, value } of records.list(MISSING_PREFIX))
    yield* noted(counts, blobIdOf(key), recordOf(value), 1)
  yield { type: 'put', key: MISSING_COUNTS_KEY, value: encodeJson(counts) }
}

/** Counts a record in or out; what is to be noted with that. */
function noted(
  counts: MissingCounts,
  blobId: BlobId,
  record: MissingRecord | undefined,
  by: 1 | -1,
): RecordOperation[] {
  if (record === undefined) return []
  add(counts.reasons, record.reason, by)
  for (const shard of record.shards) add(counts.shards, shard, by)
  const key = dueKey(urgencyOf(record), dueMsOf(record), blobId)
  return [by > 0 ? { type: 'put', key, value: new Uint8Array() } : { type: 'del', key }]
}

function add(counts: Record<string, number>, name: string | number, by: number): void {
  const count = (counts[name] ?? 0) + by
  if (count > 0) counts[name] = count
  else delete counts[name]
}

const blobIdOf = (key: string): BlobId => blobIdFromHex(key.slice(MISSING_PREFIX.length))

function recordOf(bytes: Uint8Array | undefined): MissingRecord | undefined {
  return bytes && (decodeJson(bytes) as MissingRecord | undefined)
}
