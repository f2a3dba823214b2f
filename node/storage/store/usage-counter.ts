import { METADATA_PREFIX, SLIVER_PREFIX, USAGE_CHANGE_PREFIX, USAGE_TOTAL_KEY } from './keys.ts'
import { parsePlace } from './locations.ts'
import { type CommitOptions, decodeJson, encodeJson, type RecordOperation, type Records } from './records.ts'

/** What a store holds. */
export interface StoreUsage {
  /** blobs whose metadata it has */
  blobs: number
  slivers: number
  /** of slivers */
  bytes: number
}

export interface UsageCounter {
  get(): StoreUsage
  /** Commits operations together with what they change. */
  commit(
    operations: readonly RecordOperation[],
    change: Partial<StoreUsage>,
    options?: CommitOptions,
  ): Promise<void>
}

/** Changes that are added up at the next opening at most, beside those under way. */
const UNFOLDED = 256

const NOTHING: StoreUsage = { blobs: 0, slivers: 0, bytes: 0 }

/**
 * Counts what is stored without ever looking for it. Each batch carries its own change as a record, as batches under way at
 * the same time may reach the disk in any order; now and then the changes become part of the total, in one batch.
 */
export async function openUsage(
  records: Records,
  onChange: (usage: StoreUsage) => void = () => {},
): Promise<UsageCounter> {
  let total = usageOf(await records.get(USAGE_TOTAL_KEY))
  let now = total
  /** on the disk and not in the total yet */
  const unfolded = new Map<string, StoreUsage>()
  let next = 0
  for await (const { key, value } of records.list(USAGE_CHANGE_PREFIX)) {
    unfolded.set(key, usageOf(value))
    now = sum(now, usageOf(value))
    next = Number.parseInt(key.slice(USAGE_CHANGE_PREFIX.length), 16) + 1
  }
  let isFolding = false
  onChange(now)

  async function fold(): Promise<void> {
    const changes = [...unfolded]
    const folded = changes.reduce((so, [, change]) => sum(so, change), total)
    await records.commit([
      ...changes.map(([key]) => ({ type: 'del' as const, key })),
      { type: 'put', key: USAGE_TOTAL_KEY, value: encodeJson(folded) },
    ])
    total = folded
    for (const [key] of changes) unfolded.delete(key)
  }

  return {
    get: () => now,
    async commit(operations, change, options) {
      const whole = { ...NOTHING, ...change }
      if (whole.blobs === 0 && whole.slivers === 0 && whole.bytes === 0) {
        await records.commit(operations, options)
        return
      }
      const key = USAGE_CHANGE_PREFIX + (next++).toString(16).padStart(12, '0')
      await records.commit([...operations, { type: 'put', key, value: encodeJson(whole) }], options)
      unfolded.set(key, whole)
      now = sum(now, whole)
      onChange(now)
      if (unfolded.size < UNFOLDED || isFolding) return
      isFolding = true
      // when it fails, the next change tries again: nothing is lost meanwhile
      await fold()
        .catch(() => undefined)
        .finally(() => {
          isFolding = false
        })
    },
  }
}

/** Counts everything, for stores of versions that did not, and for repaired ones. */
export async function* recountUsage(records: Records): AsyncIterable<RecordOperation> {
  const usage = { ...NOTHING }
  for await (const key of records.keys(USAGE_CHANGE_PREFIX)) yield { type: 'del', key }
  for await (const _ of records.keys(METADATA_PREFIX)) usage.blobs++
  for await (const { value } of records.list(SLIVER_PREFIX)) {
    usage.slivers++
    usage.bytes += parsePlace(value)?.length ?? 0
  }
  yield { type: 'put', key: USAGE_TOTAL_KEY, value: encodeJson(usage) }
}

/** What records say that there is. */
export async function storedUsage(records: Pick<Records, 'get' | 'list'>): Promise<StoreUsage> {
  let usage = usageOf(await records.get(USAGE_TOTAL_KEY))
  for await (const { value } of records.list(USAGE_CHANGE_PREFIX)) usage = sum(usage, usageOf(value))
  return usage
}

function usageOf(bytes: Uint8Array | undefined): StoreUsage {
  const value = bytes === undefined ? undefined : decodeJson(bytes)
  return typeof value === 'object' ? { ...NOTHING, ...value } : NOTHING
}

const sum = (a: StoreUsage, b: StoreUsage): StoreUsage => ({
  blobs: a.blobs + b.blobs,
  slivers: a.slivers + b.slivers,
  bytes: a.bytes + b.bytes,
})
