import assert from 'node:assert/strict'
import { pairOfShard } from '../../../../codec/index.ts'
import type { BlobId, ShardIndex } from '../../../../codec/types.ts'
import { ownShardsOnly } from '../../../../node/storage/recovery/own-shards.ts'
import type { ShardRecord } from '../../../../node/storage/store/node-records.ts'
import type { NewSliver } from '../../../../node/storage/store/shard-slivers.ts'

const N = 7
const BLOB = Buffer.alloc(32, 5).toString('base64url') as BlobId

describe('what recovery stores', () => {
  const shards = new Map<ShardIndex, Pick<ShardRecord, 'state'>>()
  let stored: NewSliver[]
  const slivers = ownShardsOnly(
    {
      async putMany(many) {
        assert.notEqual(many.length, 0)
        stored.push(...many)
      },
    },
    { nShards: N, shards: () => shards },
  )
  const sliverOf = (shard: number): NewSliver => ({
    blobId: BLOB,
    ref: { pair: pairOfShard(shard as ShardIndex, BLOB, N), axis: 'primary' },
    bytes: new Uint8Array(1),
  })

  beforeEach(() => {
    stored = []
    shards.clear()
    shards.set(1 as ShardIndex, { state: 'active' })
    shards.set(2 as ShardIndex, { state: 'gaining' })
    shards.set(3 as ShardIndex, { state: 'locked' })
  })

  it('is of the shards that are the node’s, and of none that is locked or was given up', async () => {
    const [active, gaining, locked, foreign] = [1, 2, 3, 4].map(sliverOf)
    await slivers.putMany([active!, locked!, gaining!, foreign!])
    assert.deepEqual(stored, [active, gaining])
  })

  it('is nothing of a shard that was lost while its slivers were on their way', async () => {
    shards.set(1 as ShardIndex, { state: 'locked' })
    await slivers.putMany([sliverOf(1)])
    assert.deepEqual(stored, [])
  })
})
