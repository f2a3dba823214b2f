import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { blobIdFromBytes, pairOfShard } from '../../codec/index.ts'
import type { Axis, BlobId, ShardIndex, SliverPairIndex, SliverRef } from '../../codec/types.ts'
import type { ScrubbedFile, ShardedSliverStore } from '../../node/storage/store/shard-slivers.ts'
import { SLIVER_PIECE_BYTES } from '../../protocols/ports.ts'

export const anyBlobId = (): BlobId => blobIdFromBytes(randomBytes(32))
export const ref = (pair: number, axis: Axis = 'primary'): SliverRef => ({
  pair: pair as SliverPairIndex,
  axis,
})
const byKey = (a: SliverRef, b: SliverRef) => a.axis.localeCompare(b.axis) || a.pair - b.pair

/** Holds every implementation of ShardedSliverStore to the port. `open` is told how many shards there are. */
export function sliverStoreSuite(
  name: string,
  open: (nShards: number) => Promise<{ store: ShardedSliverStore; close(): Promise<void> }>,
): void {
  describe(`SliverStore: ${name}`, () => {
    let store: ShardedSliverStore
    let close: () => Promise<void>
    beforeEach(async () => {
      ;({ store, close } = await open(N))
    })
    afterEach(() => close())

    it('has nothing at first', async () => {
      const blob = anyBlobId()
      assert.equal(await store.has(blob, ref(0)), false)
      assert.equal(await store.get(blob, ref(0)), undefined)
      assert.deepEqual(await store.list(blob), [])
      await store.delete(blob)
    })

    it('gives back what was put, by blob, pair and axis', async () => {
      const [one, two] = [anyBlobId(), anyBlobId()]
      const parts: [BlobId, SliverRef, Uint8Array][] = [
        [one, ref(0), randomBytes(10)],
        [one, ref(0, 'secondary'), randomBytes(20)],
        [one, ref(999), randomBytes(30)],
        [two, ref(0), randomBytes(100_000)],
        [two, ref(1), new Uint8Array()],
      ]
      await Promise.all(parts.map(([blob, which, bytes]) => store.put(blob, which, bytes)))
      for (const [blob, which, bytes] of parts) {
        assert.equal(await store.has(blob, which), true)
        assert.deepEqual(Buffer.from((await store.get(blob, which)) ?? []), Buffer.from(bytes))
      }
      assert.equal(await store.has(two, ref(999)), false)
      assert.deepEqual(
        (await store.list(one)).sort(byKey),
        [ref(0), ref(999), ref(0, 'secondary')].sort(byKey),
      )
    })

    it('looks at all that is stored, each once, as fast as it may, and goes on where it is told', async () => {
      const blobs = [anyBlobId(), anyBlobId()]
      for (const [i, blob] of blobs.entries()) {
        await store.put(blob, ref(0), randomBytes(10 + i))
        await store.put(blob, ref(0, 'secondary'), randomBytes(20 + i))
      }
      const paced: number[] = []
      const pace = async (bytes: number) => void paced.push(bytes)
      const { signal } = new AbortController()
      const found: ScrubbedFile[] = []
      for await (const one of store.scrub({ pace, signal })) found.push(one)
      assert.deepEqual(
        paced.toSorted((a, b) => a - b),
        [10, 11, 20, 21],
      )
      const sum = (of: (one: ScrubbedFile) => number) => found.reduce((all, one) => all + of(one), 0)
      assert.deepEqual([sum(one => one.slivers), sum(one => one.bytes), sum(one => one.bad)], [4, 62, 0])
      const rest: ScrubbedFile[] = []
      for await (const one of store.scrub({ pace, signal, after: found[0]!.file })) rest.push(one)
      assert.deepEqual(rest, found.slice(1))
      for await (const one of store.scrubUntold(new Set(), { pace, signal })) assert.fail(one.file)
    })

    it('replaces a sliver that is put again', async () => {
      const blob = anyBlobId()
      await store.put(blob, ref(1), randomBytes(50))
      const second = randomBytes(40)
      await store.put(blob, ref(1), second)
      assert.deepEqual(Buffer.from((await store.get(blob, ref(1))) ?? []), second)
      assert.equal((await store.list(blob)).length, 1)
    })

    it('does not let callers change what it holds', async () => {
      const blob = anyBlobId()
      await store.put(blob, ref(1), Uint8Array.of(1, 2, 3))
      const got = await store.get(blob, ref(1))
      got?.fill(0)
      assert.deepEqual(Array.from((await store.get(blob, ref(1))) ?? []), [1, 2, 3])
    })

    it('gives any piece of a sliver that was opened, of whatever size it is', async () => {
      const blob = anyBlobId()
      assert.equal(await store.open(blob, ref(0)), undefined)
      for (const [pair, length] of [0, 10, SLIVER_PIECE_BYTES, SLIVER_PIECE_BYTES + 1, 5_000_000].entries()) {
        const bytes = randomBytes(length)
        await store.put(blob, ref(pair), bytes)
        const sliver = await store.open(blob, ref(pair))
        assert.equal(sliver?.length, length)
        for (const [start, end] of [
          [0, length],
          [0, Math.min(7, length)],
          [Math.max(0, length - SLIVER_PIECE_BYTES), length],
        ] as const) {
          const piece = await sliver.read(start, end - start)
          assert.ok(piece && Buffer.from(piece).equals(bytes.subarray(start, end)))
        }
      }
      await assert.rejects(
        store.open(blob, ref(0), { signal: AbortSignal.abort(new Error('enough')) }),
        /enough/,
      )
    })

    it('deletes one blob and leaves the others', async () => {
      const [one, two] = [anyBlobId(), anyBlobId()]
      await Promise.all([store.put(one, ref(0), randomBytes(9)), store.put(one, ref(1), randomBytes(9))])
      await store.put(two, ref(0), randomBytes(9))
      await store.delete(one)
      assert.deepEqual(await store.list(one), [])
      assert.equal(await store.get(one, ref(0)), undefined)
      assert.equal(await store.has(two, ref(0)), true)
      await store.put(one, ref(0), randomBytes(9))
      assert.equal(await store.has(one, ref(0)), true)
    })

    const N = 10
    const shards = Array.from({ length: N }, (_, shard) => shard as ShardIndex)
    const hexOf = (blobId: BlobId) => Buffer.from(blobId, 'base64url').toString('hex')
    const inOrder = (blobs: readonly BlobId[]) => [...blobs].sort((a, b) => (hexOf(a) < hexOf(b) ? -1 : 1))
    /** Both slivers of the pairs that the shards have of the blobs. */
    const sliversIn = (blobs: readonly BlobId[], of: readonly ShardIndex[]) =>
      blobs.flatMap(blobId =>
        of.flatMap(shard =>
          (['primary', 'secondary'] as const).map(axis => ({
            blobId,
            ref: ref(pairOfShard(shard, blobId, N), axis),
            bytes: randomBytes(30 + shard),
          })),
        ),
      )

    it('takes slivers of many blobs in many shards at once, in place of what was there', async () => {
      const blobs = Array.from({ length: 20 }, anyBlobId)
      const slivers = sliversIn(blobs, shards.slice(0, 3))
      await store.put(slivers[0]!.blobId, slivers[0]!.ref, randomBytes(9))
      await store.putMany([])
      await store.putMany(slivers)
      await store.putMany(slivers.slice(0, 30))
      for (const { blobId, ref, bytes } of slivers) {
        assert.equal(await store.has(blobId, ref), true)
        assert.deepEqual(Buffer.from((await store.get(blobId, ref)) ?? []), bytes)
        assert.ok(
          Buffer.from((await (await store.open(blobId, ref))?.read(1, 20)) ?? []).equals(
            bytes.subarray(1, 21),
          ),
        )
      }
      for (const blobId of blobs) assert.equal((await store.list(blobId)).length, 6)
      const again = { ...slivers[5]!, bytes: randomBytes(7) }
      await store.putMany([again])
      assert.deepEqual(Buffer.from((await store.get(again.blobId, again.ref)) ?? []), again.bytes)
      await store.delete(blobs[0]!)
      assert.deepEqual(await store.list(blobs[0]!), [])
      assert.equal((await store.list(blobs[1]!)).length, 6)
    })

    it('lists what is stored of a shard in the order of blob IDs, page by page', async () => {
      const blobs = Array.from({ length: 45 }, anyBlobId)
      await store.putMany(sliversIn(blobs, [shards[2]!, shards[7]!]))
      const elsewhere = anyBlobId()
      await store.putMany(sliversIn([elsewhere], [shards[3]!]))
      const half = anyBlobId()
      const halfRef = ref(pairOfShard(shards[7]!, half, N), 'secondary')
      await store.put(half, halfRef, randomBytes(5))
      for (const [shard, expected] of [
        [shards[2]!, blobs],
        [shards[3]!, [elsewhere]],
        [shards[4]!, []],
        [shards[7]!, [...blobs, half]],
      ] as const) {
        for (const limit of [1, 7, 45, 46, 1000]) {
          const seen: BlobId[] = []
          for (let after: BlobId | undefined; ; ) {
            const page = await store.listShard(shard, { limit, after })
            assert.ok(page.length <= limit)
            for (const { blobId, refs } of page) {
              seen.push(blobId)
              const pair = pairOfShard(shard, blobId, N)
              assert.deepEqual(
                [...refs].sort(byKey),
                blobId === half ? [halfRef] : [ref(pair), ref(pair, 'secondary')],
              )
            }
            if (page.length < limit) break
            after = page.at(-1)!.blobId
          }
          assert.deepEqual(seen, inOrder(expected))
        }
      }
      assert.deepEqual(
        await store.listShard(shards[7]!, { after: inOrder([...blobs, half]).at(-1)!, limit: 9 }),
        [],
      )
    })

    it('deletes a shard and leaves the others, however their slivers came', async () => {
      const blobs = Array.from({ length: 12 }, anyBlobId)
      const [together, alone] = [blobs.slice(0, 6), blobs.slice(6)]
      const of = [shards[0]!, shards[5]!, shards[9]!]
      await store.putMany(sliversIn(together, of))
      await Promise.all(sliversIn(alone, of).map(({ blobId, ref, bytes }) => store.put(blobId, ref, bytes)))
      await store.deleteShard(shards[5]!)
      await store.deleteShard(shards[1]!)
      assert.deepEqual(await store.listShard(shards[5]!, { limit: 99 }), [])
      for (const blobId of blobs) {
        const left = [shards[0]!, shards[9]!].map(shard => pairOfShard(shard, blobId, N))
        assert.deepEqual(
          (await store.list(blobId)).sort(byKey),
          left.flatMap(pair => [ref(pair), ref(pair, 'secondary')]).sort(byKey),
        )
      }
      const again = sliversIn(blobs.slice(5, 7), [shards[5]!])
      await store.putMany(again)
      assert.equal((await store.listShard(shards[5]!, { limit: 99 })).length, 2)
    })

    it('rejects what concerns many slivers with the reason of an aborted signal', async () => {
      const signal = AbortSignal.abort(new Error('enough'))
      const [blob] = [anyBlobId()]
      const slivers = sliversIn([blob], [shards[0]!])
      await assert.rejects(store.putMany(slivers, { signal }), /enough/)
      assert.deepEqual(await store.list(blob), [])
      await store.putMany(slivers)
      await assert.rejects(store.listShard(shards[0]!, { limit: 1, signal }), /enough/)
      await assert.rejects(store.deleteShard(shards[0]!, { signal }), /enough/)
      assert.equal((await store.list(blob)).length, 2)
    })

    it('rejects with the reason of an aborted signal', async () => {
      const blob = anyBlobId()
      await store.put(blob, ref(0), randomBytes(9))
      const signal = AbortSignal.abort(new Error('enough'))
      await assert.rejects(store.get(blob, ref(0), { signal }), /enough/)
      await assert.rejects(store.put(blob, ref(1), randomBytes(9), { signal }), /enough/)
      assert.equal(await store.has(blob, ref(1)), false)
    })
  })
}
