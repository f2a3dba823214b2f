import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { BlobId, ShardIndex } from '../../../../codec/types.ts'
import { DUE_PREFIX, MISSING_COUNTS_KEY } from '../../../../node/storage/store/keys.ts'
import { indexingMissing, reindexMissing } from '../../../../node/storage/store/missing-index.ts'
import {
  createNodeRecords,
  dropMissing,
  dueMsOf,
  MISSING_URGENCIES,
  type MissingRecord,
  type MissingUrgency,
  putMissing,
} from '../../../../node/storage/store/node-records.ts'
import type { Records } from '../../../../node/storage/store/records.ts'
import { memoryRecords } from '../../../support/memory-records.ts'

const blobId = (at: number) => Buffer.alloc(32, at).toString('base64url') as BlobId
const record = (of: Partial<MissingRecord> = {}): MissingRecord => ({
  shards: [1 as ShardIndex],
  reason: 'handoff',
  sinceMs: 1_000,
  attempts: 0,
  ...of,
})

/** The same, and how many records were read. */
function counting(records: Records): Records & { reads: number } {
  const counted = {
    ...records,
    reads: 0,
    async get(key: string) {
      counted.reads++
      return await records.get(key)
    },
    async *keys(...args: Parameters<Records['keys']>) {
      for await (const key of records.keys(...args)) {
        counted.reads++
        yield key
      }
    },
  }
  return counted
}

describe('the index of what is missing', () => {
  it('tells what is due in the order of time, and how much is missing by reason and shard', async () => {
    const node = createNodeRecords(indexingMissing(memoryRecords()))
    await node.commit([
      putMissing(blobId(1), record({ nextMs: 5_000 })),
      putMissing(blobId(2), record({ shards: [1, 2] as ShardIndex[] })),
      putMissing(blobId(3), record({ reason: 'unknown', nextMs: 16_000 })),
      putMissing(blobId(4), record({ reason: 'tail' })),
      putMissing(blobId(5), record({ reason: 'damaged' })),
    ])
    type Options = { urgency?: MissingUrgency; beforeMs?: number; after?: string }
    const dues = async ({ urgency = 'handoff', ...options }: Options = {}) =>
      (await node.due({ urgency, ...options, limit: 9 })).map(({ blobId: id, dueMs }) => [id, dueMs])
    assert.deepEqual(await dues(), [
      [blobId(2), 0],
      [blobId(1), 5_000],
      [blobId(3), 16_000],
    ])
    // an upload may be under way
    assert.deepEqual(await dues({ urgency: 'fresh' }), [[blobId(4), 16_000]])
    assert.deepEqual(await dues({ urgency: 'scrub' }), [[blobId(5), 0]])
    assert.deepEqual(await dues({ beforeMs: 5_000 }), [[blobId(2), 0]])
    assert.deepEqual((await dues({ beforeMs: 5_001 })).length, 2)
    const [first] = await node.due({ urgency: 'handoff', limit: 1 })
    assert.deepEqual((await dues({ after: first!.key })).length, 2)
    assert.deepEqual(await node.missingCounts(), {
      reasons: { handoff: 2, unknown: 1, tail: 1, damaged: 1 },
      shards: { 1: 5, 2: 1 },
    })
    await node.commit([dropMissing(blobId(2)), putMissing(blobId(1), record({ nextMs: 70_000 }))])
    assert.deepEqual(await dues(), [
      [blobId(3), 16_000],
      [blobId(1), 70_000],
    ])
    await node.commit([1, 3, 4, 5, 9].map(at => dropMissing(blobId(at))))
    assert.deepEqual([await dues(), await node.missingCounts()], [[], { reasons: {}, shards: {} }])
  })

  it('takes what comes while it writes into one batch, with one sync, and refuses all of a batch that fails', async () => {
    const memory = memoryRecords()
    const batches: { operations: number; sync: boolean | undefined }[] = []
    let failure: Error | undefined
    const node = createNodeRecords(
      indexingMissing({
        ...memory,
        async commit(operations, options) {
          if (failure !== undefined) throw failure
          batches.push({ operations: operations.length, sync: options?.sync })
          await memory.commit(operations)
        },
      }),
    )
    const ids = Array.from({ length: 40 }, (_, i) => blobId(i + 1))
    const first = node.commit([putMissing(ids[0]!, record())], { sync: false })
    await Promise.all([
      first,
      ...ids.map((id, i) => node.commit([putMissing(id, record())], { sync: i === 7 })),
    ])
    assert.ok(batches.length <= 2)
    assert.ok(batches.some(({ sync }) => sync))
    assert.deepEqual((await node.missingCounts()).reasons, { handoff: 40 })
    failure = new Error('the disk is full')
    const failed = await Promise.allSettled(ids.slice(0, 3).map(id => node.commit([dropMissing(id)])))
    assert.ok(failed.every(({ status }) => status === 'rejected'))
    failure = undefined
    batches.length = 0
    await Promise.all(ids.map(id => node.commit([dropMissing(id)], { sync: false })))
    assert.deepEqual(
      [batches.map(({ sync }) => sync), (await node.missingCounts()).reasons],
      [[false, false], {}],
    )
  })

  it('is always what the records say, also when batches come at the same time, and can be made anew from them', async () => {
    const change = fc.record({
      blob: fc.integer({ min: 1, max: 5 }),
      put: fc.option(
        fc.record({
          shards: fc.uniqueArray(fc.integer({ min: 0, max: 4 }) as fc.Arbitrary<ShardIndex>, {
            minLength: 1,
          }),
          reason: fc.constantFrom('tail', 'handoff', 'damaged', 'unknown' as const),
          nextMs: fc.integer({ min: 0, max: 99_999 }),
        }),
      ),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 20 }), async changes => {
        const records = memoryRecords()
        const node = createNodeRecords(indexingMissing(records))
        await Promise.all(
          changes.map(({ blob, put }) =>
            node.commit([put === null ? dropMissing(blobId(blob)) : putMissing(blobId(blob), record(put))]),
          ),
        )
        const all = await node.missing({ limit: 99 })
        const expected = all.map(([id, one]) => `${dueMsOf(one)} ${id}`).sort()
        const notes = async () =>
          (await Promise.all(MISSING_URGENCIES.map(urgency => node.due({ urgency, limit: 99 })))).flat()
        const dues = await notes()
        assert.deepEqual(dues.map(({ dueMs, blobId: id }) => `${dueMs} ${id}`).sort(), expected)
        const counts = await node.missingCounts()
        const sum = (of: object) => Object.values(of).reduce((a: number, b: number) => a + b, 0)
        assert.equal(sum(counts.reasons), all.length)
        assert.equal(sum(counts.shards), sum(all.map(([, { shards }]) => shards.length)))
        await records.commit([
          { type: 'del', key: MISSING_COUNTS_KEY },
          { type: 'put', key: `${DUE_PREFIX}${'0'.repeat(12)}/${'0'.repeat(64)}`, value: new Uint8Array() },
        ])
        for await (const operation of reindexMissing(records)) await records.commit([operation])
        assert.deepEqual([await notes(), await node.missingCounts()], [dues, counts])
      }),
    )
  })

  it('costs as much as what is due, and to count nothing more, however much is missing', async () => {
    const readsWith = async (missing: number) => {
      const records = counting(memoryRecords())
      const node = createNodeRecords(indexingMissing(records))
      for (let i = 0; i < missing; i++)
        await node.commit([putMissing(blobId(1 + (i % 200)), record({ nextMs: 90_000 }))])
      await node.commit([putMissing(blobId(255), record())])
      records.reads = 0
      await node.due({ urgency: 'handoff', beforeMs: 2_000, limit: 128 })
      await node.due({ urgency: 'fresh', limit: 1 })
      await node.missingCounts()
      return records.reads
    }
    assert.equal(await readsWith(200), await readsWith(10))
  })
})
