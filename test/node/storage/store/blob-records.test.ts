import assert from 'node:assert/strict'
import { systemClock } from '../../../../base/clock.ts'
import type { BlobId, Epoch, ObjectId } from '../../../../codec/types.ts'
import { type BlobRecords, createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import type { BlobState } from '../../../../node/storage/store/blob-state.ts'
import { openRecords, type Records } from '../../../../node/storage/store/records.ts'
import { anyBlobId } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

describe('blob records', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let records: Records
  let blobs: BlobRecords
  beforeEach(async () => {
    folder = await temporaryFolder()
    records = await openRecords(folder.path, systemClock)
    blobs = createBlobRecords(records)
  })
  afterEach(async () => {
    await records.close()
    await folder.remove()
  })

  const stateOf = (...ends: number[]): BlobState => ({
    registrations: ends.map((endEpoch, i) => ({
      objectId: `0x${i}` as ObjectId,
      deletable: true,
      certified: true,
      endEpoch: endEpoch as Epoch,
    })),
  })
  /** As an event would change it. */
  const become = async (blobId: BlobId, state: BlobState) =>
    blobs.advance('1' as never, { blobId, state, before: await blobs.get(blobId) })
  const ended = async (epoch: number, after?: string) =>
    await blobs.endings(epoch as Epoch, { limit: 1000, after })

  it('knows by when each blob ends, from one note each', async () => {
    const blobId = anyBlobId()
    for (const [state, from] of [
      [stateOf(3), 3],
      [stateOf(3, 5), 5],
      [stateOf(), 0],
      [stateOf(7), 7],
      [{ ...stateOf(7), invalid: true }, 0],
    ] as const) {
      await become(blobId, state)
      assert.deepEqual((await ended(99)).length, 1)
      assert.equal((await ended(from)).length, 1)
      if (from > 0) assert.equal((await ended(from - 1)).length, 0)
    }
  })

  it('lists in the order of ends, and goes on after any of them', async () => {
    const ids = Array.from({ length: 20 }, anyBlobId)
    for (const [i, blobId] of ids.entries()) await become(blobId, stateOf(i))
    const all = await ended(9)
    assert.deepEqual(
      all.map(({ blobId }) => blobId),
      ids.slice(0, 10),
    )
    assert.deepEqual(await ended(9, all[3]?.key), all.slice(4))
    assert.deepEqual(await blobs.endings(9 as Epoch, { limit: 2 }), all.slice(0, 2))
  })

  it('forgets a note alone, or with its record, or but for what is to be remembered, and until when', async () => {
    const [living, gone, invalid, over] = [anyBlobId(), anyBlobId(), anyBlobId(), anyBlobId()]
    const kept: Record<BlobId, BlobState> = {
      [invalid]: { registrations: [], invalid: true },
      [over]: { registrations: [], ended: 3 as Epoch, dropped: true },
    }
    for (const blobId of [living, gone, invalid, over]) await become(blobId, stateOf())
    for (const ending of await ended(0)) {
      if (ending.blobId === living) await blobs.forget(ending)
      else await blobs.dropped(ending, kept[ending.blobId])
    }
    assert.deepEqual(await ended(4), [])
    assert.deepEqual(
      (await ended(5)).map(({ blobId }) => blobId),
      [over],
    )
    assert.equal(await blobs.get(gone), undefined)
    assert.ok(await blobs.get(living))
    assert.deepEqual([await blobs.get(invalid), await blobs.get(over)], [kept[invalid], kept[over]])
    // registered again: one note, of its new end
    await become(over, stateOf(9))
    assert.equal((await ended(99)).length, 1)
  })

  it('gives the states of many, in their order', async () => {
    const [first, second, unknown] = [anyBlobId(), anyBlobId(), anyBlobId()]
    const states = [stateOf(4), stateOf(5, 6)]
    await become(first, states[0]!)
    await become(second, states[1]!)
    assert.deepEqual(await blobs.getMany([second, unknown, first]), [states[1], undefined, states[0]])
  })

  it('reads the chain from the beginning after a rewind, and keeps what it knows', async () => {
    const blobId = anyBlobId()
    await become(blobId, stateOf(3))
    assert.equal(await blobs.cursor(), '1')
    await blobs.rewind()
    assert.equal(await blobs.cursor(), undefined)
    assert.ok(await blobs.get(blobId))
  })
})
