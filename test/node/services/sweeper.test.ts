import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { ChainEvent } from '../../../chain/types.ts'
import { createCodec } from '../../../codec/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../../codec/types.ts'
import { silentLog } from '../../../node/log.ts'
import { createSweeper } from '../../../node/services/sweeper.ts'
import type { BlobState } from '../../../node/store/blob-state.ts'
import { type NodeStore, openNodeStore } from '../../../node/store/node-store.ts'
import type { SliverStore } from '../../../protocols/ports.ts'
import { anyBlobId, ref } from '../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

describe('the sweeper', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let store: NodeStore
  beforeEach(async () => {
    folder = await temporaryFolder()
    store = await openNodeStore({ path: folder.path, network: 'test', nShards: 10, log: silentLog() })
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  const ended = async () => {
    const codec = createCodec({ threads: 0 })
    const metadata = await codec.metadata(randomBytes(100), 10)
    await codec.close()
    await store.metadata.put(metadata)
    await store.slivers.put(metadata.blobId, ref(0), randomBytes(9))
    await store.blobs.advance('1' as never, {
      blobId: metadata.blobId,
      state: { registrations: [] },
    })
    return metadata.blobId
  }
  const sweeper = (slivers: SliverStore, isOpen = () => false) =>
    createSweeper({ slivers, metadata: store.metadata, records: store.blobs, isOpen, log: silentLog() })

  it('finds a blob again whose removal was cut short', async () => {
    const blobId = await ended()
    const killed = {
      delete: () => Promise.reject(new Error('killed')),
    } as unknown as SliverStore
    await assert.rejects(sweeper(killed).sweep(), /killed/)
    await sweeper(store.slivers).sweep()
    assert.deepEqual(await store.slivers.list(blobId), [])
    assert.equal(await store.metadata.get(blobId), undefined)
  })

  it('leaves a blob alone that is being uploaded, and those that it knows nothing of', async () => {
    const blobId = await ended()
    await store.slivers.put(anyBlobId(), ref(0), randomBytes(9))
    await sweeper(store.slivers, () => true).sweep()
    assert.equal((await store.slivers.list(blobId)).length, 1)
    assert.equal((await store.slivers.usage()).slivers, 2)
  })

  it('drops what was deleted during its upload once that is over', async () => {
    const blobId = await ended()
    let open = true
    const one = sweeper(store.slivers, () => open)
    const event = { type: 'BlobDeleted', blobId, epoch: 1, objectId: '0x1' } as unknown as ChainEvent
    await one.onEvent(event)
    await store.slivers.put(blobId, ref(1), randomBytes(9))
    const other = { type: 'EpochChangeDone', epoch: 2 } as ChainEvent
    await one.onEvent(other)
    assert.equal((await store.slivers.list(blobId)).length, 2)
    open = false
    await one.onEvent(other)
    assert.deepEqual(await store.slivers.list(blobId), [])
    assert.equal(await store.metadata.get(blobId), undefined)
  })

  const registered = async (blobId: BlobId, endEpoch: number, more: Partial<BlobState> = {}) =>
    store.blobs.advance('1' as never, {
      blobId,
      state: {
        registrations: [
          { objectId: '0x1' as ObjectId, deletable: true, certified: true, endEpoch: endEpoch as Epoch },
        ],
        ...more,
      },
    })
  const epochStart = (epoch: number) => ({ type: 'EpochChangeStart', epoch }) as ChainEvent

  it('forgets what has ended at an epoch boundary, and nothing that lives on or is invalid', async () => {
    const [expired, extended, later, invalid] = [anyBlobId(), anyBlobId(), anyBlobId(), anyBlobId()]
    for (const blobId of [expired, extended]) await registered(blobId, 3)
    await registered(extended, 5)
    await registered(later, 4)
    await registered(invalid, 3, { invalid: true })
    const stored = await ended()
    const one = sweeper(store.slivers)
    await one.onEvent(epochStart(3))
    for (const blobId of [expired, stored]) assert.equal(await store.blobs.get(blobId), undefined)
    for (const blobId of [extended, later, invalid]) assert.ok(await store.blobs.get(blobId))
    assert.equal(await store.metadata.get(stored), undefined)
    await one.onEvent(epochStart(5))
    const left = []
    for await (const { blobId } of store.blobs.list()) left.push(blobId)
    assert.deepEqual(left, [invalid])
  })

  it('drops a blob that expired during its upload once that is over, and forgets it in the next epoch', async () => {
    const blobId = await ended()
    await registered(blobId, 3)
    let open = true
    const one = sweeper(store.slivers, () => open)
    await one.onEvent(epochStart(3))
    assert.ok(await store.blobs.get(blobId))
    assert.ok(await store.metadata.get(blobId))
    open = false
    await one.onEvent({ type: 'EpochChangeDone', epoch: 3 } as ChainEvent)
    assert.equal(await store.metadata.get(blobId), undefined)
    assert.deepEqual(await store.slivers.list(blobId), [])
    assert.ok(await store.blobs.get(blobId))
    await one.onEvent(epochStart(4))
    assert.equal(await store.blobs.get(blobId), undefined)
  })

  it('leaves nothing of a sliver that is written during the removal', async () => {
    const blobId = await ended()
    const { metadata } = store
    const racing = {
      list: () => metadata.list(),
      async delete(id: typeof blobId) {
        await store.slivers.put(id, ref(1), randomBytes(9))
        await metadata.delete(id)
      },
    } as unknown as typeof metadata
    await createSweeper({
      slivers: store.slivers,
      metadata: racing,
      records: store.blobs,
      isOpen: () => false,
      log: silentLog(),
    }).sweep()
    assert.deepEqual(await store.slivers.list(blobId), [])
  })
})
