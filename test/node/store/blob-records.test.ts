import assert from 'node:assert/strict'
import type { BlobId, Epoch, ObjectId } from '../../../codec/types.ts'
import { type BlobRecords, createBlobRecords } from '../../../node/store/blob-records.ts'
import { openRecords, type Records } from '../../../node/store/records.ts'
import { anyBlobId } from '../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

describe('blob records', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let records: Records
  let blobs: BlobRecords
  beforeEach(async () => {
    folder = await temporaryFolder()
    records = await openRecords(folder.path)
    blobs = createBlobRecords(records)
  })
  afterEach(async () => {
    await records.close()
    await folder.remove()
  })

  const nobody = async () => false
  const register = (blobId: BlobId, ...ends: number[]) =>
    blobs.advance('1' as never, {
      blobId,
      state: {
        registrations: ends.map((endEpoch, i) => ({
          objectId: `0x${i}` as ObjectId,
          deletable: true,
          certified: true,
          endEpoch: endEpoch as Epoch,
        })),
      },
    })
  const left = async () => {
    const keys: string[] = []
    for await (const { key } of records.list('/')) if (!key.startsWith('/cursor')) keys.push(key)
    return keys.length
  }

  it('forgets more blobs than fit into one batch, each in the epoch in which its last registration ends', async () => {
    const many = Array.from({ length: 600 }, anyBlobId)
    for (const [i, blobId] of many.entries()) await register(blobId, 2, i % 2 === 0 ? 3 : 4)
    assert.equal(await blobs.prune(2 as Epoch, nobody), 0)
    assert.equal(await blobs.prune(3 as Epoch, nobody), 300)
    assert.ok(await blobs.get(many[1]!))
    assert.equal(await blobs.get(many[0]!), undefined)
    assert.equal(await blobs.prune(4 as Epoch, nobody), 300)
    assert.equal(await left(), 0)
  })

  it('looks again, in the next epoch, at what had to stay', async () => {
    const blobId = anyBlobId()
    await register(blobId, 3)
    assert.equal(await blobs.prune(3 as Epoch, async () => true), 0)
    assert.equal(await blobs.prune(3 as Epoch, nobody), 0)
    assert.equal(await blobs.prune(4 as Epoch, nobody), 1)
    assert.equal(await left(), 0)
  })

  it('forgets deleted blobs, and not those that were registered again', async () => {
    const [deleted, again] = [anyBlobId(), anyBlobId()]
    await register(deleted)
    await register(again)
    await register(again, 9)
    assert.equal(await blobs.prune(1 as Epoch, nobody), 1)
    assert.ok(await blobs.get(again))
  })
})
