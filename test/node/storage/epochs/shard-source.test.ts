import assert from 'node:assert/strict'
import type { Committees } from '../../../../chain/types/index.ts'
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

  it('is handed to members alone that have it in this epoch or will in the next, in an epoch that is known', async () => {
    const of = (index: number, shards: number[]) => ({
      ...fakeCommittee(2, N).members[index]!,
      shards: shards as ShardIndex[],
    })
    const [mine, foreign] = [[SHARD], [4]]
    const before = { ...current, epoch: 1 as Epoch, members: [of(0, foreign), of(1, mine)] }
    const now = { ...current, members: [of(0, mine), of(1, foreign)] }
    const next = { ...current, epoch: 3 as Epoch, members: [of(0, foreign), of(1, mine)] }
    let committees: Committees | undefined
    const source = createShardSource({
      nShards: N,
      slivers: { listShard: async () => [] },
      committees: () => committees,
      members: {
        of: (_, peer) => [...now.members].find(({ name }) => name === peer),
        currentOf: () => [],
      },
      budget: { breathe: async () => {} },
      shown: async ids => [...ids],
    })
    const [owner, other] = now.members.map(({ name }) => name)
    const page = (peer: string, epoch: number) =>
      source.page({ epoch: epoch as Epoch, shard: SHARD, maxBlobs: 1 }, {
        peer,
        signal: new AbortController().signal,
      } as never)
    await assert.rejects(page(owner!, 2), { code: 'CHAIN_UNAVAILABLE', retryAfterMs: 2_000 })
    const known = { epoch: 2 as Epoch, state: { kind: 'done' } as never, previous: before, current: now }
    committees = known
    assert.deepEqual(await page(owner!, 2), { blobs: [], end: true })
    await assert.rejects(page('stranger', 2), { code: 'NOT_A_MEMBER' })
    // it had the shard before, and has not now
    await assert.rejects(page(other!, 2), { code: 'NOT_YOURS', details: { shard: SHARD, epoch: 2 } })
    await assert.rejects(page(other!, 3), { code: 'EPOCH_BEHIND', retryAfterMs: 500 })
    await assert.rejects(page(other!, 4), {
      code: 'EPOCH_AHEAD',
      retryAfterMs: 2_000,
      details: { epoch: 2 },
    })
    committees = { ...known, next }
    assert.deepEqual(await page(other!, 3), { blobs: [], end: true })
    await assert.rejects(page(owner!, 3), { code: 'NOT_YOURS', details: { shard: SHARD, epoch: 3 } })
  })
})
