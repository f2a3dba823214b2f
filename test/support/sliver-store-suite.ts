import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { blobIdFromBytes } from '../../codec/index.ts'
import type { Axis, BlobId, SliverPairIndex, SliverRef } from '../../codec/types.ts'
import { SLIVER_PIECE_BYTES, type SliverStore } from '../../protocols/ports.ts'

export const anyBlobId = (): BlobId => blobIdFromBytes(randomBytes(32))
export const ref = (pair: number, axis: Axis = 'primary'): SliverRef => ({
  pair: pair as SliverPairIndex,
  axis,
})
const byKey = (a: SliverRef, b: SliverRef) => a.axis.localeCompare(b.axis) || a.pair - b.pair

/** Holds every implementation of SliverStore to the port. */
export function sliverStoreSuite(
  name: string,
  open: () => Promise<{ store: SliverStore; close(): Promise<void> }>,
): void {
  describe(`SliverStore: ${name}`, () => {
    let store: SliverStore
    let close: () => Promise<void>
    beforeEach(async () => {
      ;({ store, close } = await open())
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
