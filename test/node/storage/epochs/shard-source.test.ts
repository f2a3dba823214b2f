import assert from 'node:assert/strict'
import { pairOfShard } from '../../../../codec/index.ts'
import type { BlobId, Epoch, ShardIndex } from '../../../../codec/types.ts'
import { createShardSource } from '../../../../node/storage/epochs/shard-source.ts'
import { blobIdFromHex } from '../../../../node/storage/store/keys.ts'
import { fakeCommittee } from '../../../support/fake-peers.ts'

const N = 10
const SHARD = 3 as ShardIndex
/** more than are looked at in one go */
const BLOBS = 250
const blobIds = Array.from({ length: BLOBS }, (_, i) => blobIdFromHex(i.toString(16).padStart(64, '0')))

describe('a shard that another node takes over', () => {
  const current = fakeCommittee(1, N, { epoch: 2 })
  const pages = async (hidden: ReadonlySet<BlobId>, maxBlobs: number) => {
    const source = createShardSource({
      nShards: N,
      slivers: {
        async listShard(_, { after, limit }) {
          const rest = blobIds.slice(after === undefined ? 0 : blobIds.indexOf(after) + 1)
          return rest.slice(0, limit).map(blobId => ({ blobId, refs: [] }))
        },
      },
      committees: () => ({ epoch: 2 as Epoch, state: { kind: 'sync', weight: 0 }, current }),
      members: { of: () => current.members[0], currentOf: () => [] },
      budget: { breathe: async () => {} },
      shown: async ids => ids.filter(id => !hidden.has(id)),
    })
    const context = { peer: 'peer', signal: new AbortController().signal } as never
    const request = { epoch: 2 as Epoch, shard: SHARD, maxBlobs }
    const all = [await source.page(request, context)]
    while (!all.at(-1)!.end)
      all.push(await source.page({ ...request, after: all.at(-1)!.blobs.at(-1)!.blobId }, context))
    return all
  }

  for (const [what, hidden] of [
    ['all of it', [] as BlobId[]],
    ['what is handed out of it', [...blobIds.slice(0, 120), blobIds[200]!, ...blobIds.slice(240)]],
  ] as const) {
    for (const maxBlobs of [40, 100, 110, 1_000]) {
      it(`is told in pages of ${maxBlobs}: ${what}`, async () => {
        const told = await pages(new Set(hidden), maxBlobs)
        const expected = blobIds.filter(blobId => !hidden.includes(blobId))
        assert.deepEqual(
          told.flatMap(({ blobs }) => blobs),
          expected.map(blobId => ({ blobId, pair: pairOfShard(SHARD, blobId, N) })),
        )
        // a page is full unless it is the last
        for (const { blobs, end } of told) assert.ok(end || blobs.length === maxBlobs)
      })
    }
  }
})
