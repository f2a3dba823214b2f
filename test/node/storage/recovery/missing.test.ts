import assert from 'node:assert/strict'
import { blobIdFromBytes } from '../../../../codec/index.ts'
import type { Epoch, ShardIndex } from '../../../../codec/types.ts'
import { createMissing } from '../../../../node/storage/recovery/missing.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { createNodeRecords, type ShardRecord } from '../../../../node/storage/store/node-records.ts'
import { memoryRecords } from '../../../support/memory-records.ts'

describe('what a node is missing of a certified blob', () => {
  const [passed, ahead] = [1, 2].map(byte => blobIdFromBytes(new Uint8Array(32).fill(byte)))
  const epoch = 1 as Epoch
  const shards = new Map<ShardIndex, ShardRecord>([
    [0 as ShardIndex, { state: 'active', epoch }],
    [1 as ShardIndex, { state: 'gaining', epoch, cursor: passed! }],
    [2 as ShardIndex, { state: 'gaining', epoch }],
    [3 as ShardIndex, { state: 'locked', epoch }],
  ])

  it('is of shards that it has, and of one that it takes over as far as it has come: the rest will come with that', async () => {
    const records = createNodeRecords(memoryRecords())
    const missing = createMissing({
      nShards: 10,
      slivers: memorySliverStore(10),
      records,
      shards: () => shards,
      now: () => 5,
    })
    assert.deepEqual(await missing.look(passed!, 'unknown'), [0, 1])
    assert.deepEqual(await missing.look(ahead!, 'unknown'), [0])
    assert.deepEqual((await records.missingOf(ahead!))?.shards, [0])
    await records.commit(await missing.certified(passed!), { sync: false })
    // it was missing before, and is still for the reason and since the time of then
    const expected = { reason: 'unknown', sinceMs: 5, attempts: 0, shards: [0, 1] }
    assert.deepEqual(await records.missingOf(passed!), expected)
  })
})
