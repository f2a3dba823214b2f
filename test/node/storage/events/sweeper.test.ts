import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { silentLog } from '../../../../base/log.ts'
import type { ChainEvent } from '../../../../chain/types.ts'
import { type Codec, createCodec } from '../../../../codec/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../../../codec/types.ts'
import { createOpenUploads, type OpenUploads } from '../../../../node/storage/custody/open-uploads.ts'
import {
  createSweeper,
  type Sweeper,
  type SweeperComponents,
} from '../../../../node/storage/events/sweeper.ts'
import type { BlobState } from '../../../../node/storage/store/blob-state.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import type { Records } from '../../../../node/storage/store/records.ts'
import { anyBlobId, ref } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const N = 10
const never = new AbortController().signal

describe('the sweeper', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let codec: Codec
  let store: NodeStore
  let uploads: OpenUploads
  let sweeper: Sweeper
  /** what is read of the index */
  let reads: { values: number; keys: number }
  /** what the chain says */
  let chainEpoch: number

  const counting = (records: Records): Records => ({
    get(key) {
      reads.values++
      return records.get(key)
    },
    has(key) {
      reads.keys++
      return records.has(key)
    },
    async *list(prefix) {
      for await (const record of records.list(prefix)) {
        reads.values++
        yield record
      }
    },
    async *keys(prefix, range) {
      for await (const key of records.keys(prefix, range)) {
        reads.keys++
        yield key
      }
    },
    commit: (operations, options) => records.commit(operations, options),
    close: () => records.close(),
  })

  const open = async () => {
    store = await openNodeStore({
      path: folder.path,
      network: 'test',
      nShards: N,
      log: silentLog(),
      wrapRecords: counting,
    })
    uploads = createOpenUploads(store.blobs)
    sweeper = make()
  }
  const make = (others: Partial<SweeperComponents> = {}) =>
    createSweeper({
      slivers: store.slivers,
      metadata: store.metadata,
      records: store.blobs,
      committees: { get: async () => ({ epoch: chainEpoch as Epoch }) as never },
      uploads,
      log: silentLog(),
      ...others,
    })
  const caughtUp = async (one = sweeper) => (await one.following())()

  before(() => {
    codec = createCodec({ threads: 0 })
  })
  after(() => codec.close())
  beforeEach(async () => {
    folder = await temporaryFolder()
    reads = { values: 0, keys: 0 }
    chainEpoch = 1
    await open()
  })
  afterEach(async () => {
    await sweeper.stop()
    await store.close()
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
  /** As blob info does with an event. */
  const become = (blobId: BlobId, state: BlobState) =>
    store.blobs.exclusively(blobId, async () =>
      store.blobs.advance('1' as never, { blobId, state, before: await store.blobs.get(blobId) }),
    )
  const stored = async (state: BlobState): Promise<BlobId> => {
    const metadata = await codec.metadata(randomBytes(100), N)
    const { blobId } = metadata
    await store.metadata.put(metadata)
    await store.slivers.put(blobId, ref(0), randomBytes(9))
    await become(blobId, state)
    return blobId
  }
  const isThere = async (blobId: BlobId) => {
    const slivers = await store.slivers.list(blobId)
    return slivers.length > 0 || (await store.metadata.get(blobId)) !== undefined
  }
  /** Waits for the work in the background. */
  const gone = async (blobId: BlobId) => {
    const deadline = performance.now() + 5_000
    while (await isThere(blobId)) assert.ok(performance.now() < deadline, 'not dropped')
  }
  const epochStart = (epoch: number) => ({ type: 'EpochChangeStart', epoch }) as ChainEvent
  const deleted = { type: 'BlobDeleted' } as ChainEvent

  it('drops what has ended by an epoch, and nothing that lives on', async () => {
    await caughtUp()
    const [expired, extended, later] = [
      await stored(stateOf(3)),
      await stored(stateOf(3)),
      await stored(stateOf(4)),
    ]
    await become(extended, stateOf(5))
    sweeper.onEvent(epochStart(2))
    assert.deepEqual(await sweeper.sweep(never), { dropped: 0, failed: 0 })
    sweeper.onEvent(epochStart(3))
    assert.deepEqual(await sweeper.sweep(never), { dropped: 1, failed: 0 })
    assert.deepEqual(
      [await isThere(expired), await isThere(extended), await isThere(later)],
      [false, true, true],
    )
    assert.equal(await store.blobs.get(expired), undefined)
    assert.equal(store.usage().blobs, 2)
    sweeper.onEvent(epochStart(5))
    assert.deepEqual(await sweeper.sweep(never), { dropped: 2, failed: 0 })
    assert.deepEqual(store.usage(), { blobs: 0, slivers: 0, bytes: 0 })
    assert.deepEqual(await store.blobs.endings(99 as Epoch, { limit: 9 }), [])
  })

  it('drops deleted and invalid blobs, and never forgets that one is invalid', async () => {
    await caughtUp()
    const [gone, invalid] = [await stored(stateOf(9)), await stored(stateOf(9))]
    await become(gone, stateOf())
    await become(invalid, { ...stateOf(9), invalid: true })
    assert.deepEqual(await sweeper.sweep(never), { dropped: 2, failed: 0 })
    assert.deepEqual([await isThere(gone), await isThere(invalid)], [false, false])
    assert.equal(await store.blobs.get(gone), undefined)
    assert.equal((await store.blobs.get(invalid))?.invalid, true)
  })

  it('drops nothing before the events were caught up with: one of them may say that the blob lives on', async () => {
    chainEpoch = 4
    const blobId = await stored(stateOf(3))
    sweeper.onEvent(epochStart(3))
    assert.deepEqual(await sweeper.sweep(never), { dropped: 0, failed: 0 })
    const done = await sweeper.following()
    sweeper.onEvent(epochStart(3))
    assert.deepEqual(await sweeper.sweep(never), { dropped: 0, failed: 0 })
    await become(blobId, stateOf(5))
    done()
    assert.deepEqual(await sweeper.sweep(never), { dropped: 0, failed: 0 })
    assert.ok(await isThere(blobId))
    // and again whenever the following begins anew
    await become(blobId, stateOf(3))
    const again = await sweeper.following()
    assert.deepEqual(await sweeper.sweep(never), { dropped: 0, failed: 0 })
    again()
    assert.deepEqual(await sweeper.sweep(never), { dropped: 1, failed: 0 })
  })

  it('drops a blob that ended during its upload as soon as that is over', async () => {
    await caughtUp()
    sweeper.start()
    const blobId = await stored(stateOf(9))
    const [one, two] = [await uploads.enter(blobId), await uploads.enter(blobId)]
    await become(blobId, stateOf())
    sweeper.onEvent(deleted)
    const other = await stored(stateOf())
    sweeper.onEvent(deleted)
    await gone(other)
    one()
    assert.ok(await isThere(blobId))
    two()
    await gone(blobId)
  })

  it('lets neither an upload nor a registration come between the look and the drop', async () => {
    await caughtUp()
    const blobId = await stored(stateOf())
    const dropping = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const slow = {
      async delete(id: BlobId) {
        dropping.resolve()
        await goOn.promise
        await store.slivers.delete(id)
      },
    }
    const one = make({ slivers: slow })
    await caughtUp(one)
    const order: string[] = []
    const swept = one.sweep(never).then(() => order.push('dropped'))
    await dropping.promise
    const registered = become(blobId, stateOf(9)).then(() => order.push('registered'))
    const entered = uploads.enter(blobId).then(leave => {
      order.push('entered')
      leave()
    })
    goOn.resolve()
    await Promise.all([swept, registered, entered])
    assert.deepEqual(
      order.filter(what => what !== 'dropped'),
      ['registered', 'entered'],
    )
    // what was registered anew is there, with a note of its own, for the upload that follows
    assert.equal((await store.blobs.get(blobId))?.registrations.length, 1)
    assert.deepEqual(await sweeper.sweep(never), { dropped: 0, failed: 0 })
    assert.equal((await store.blobs.endings(9 as Epoch, { limit: 9 })).length, 1)
  })

  it('goes on where it was cut short, by a failing disk, a stop or a kill', async () => {
    await caughtUp()
    const ids = await Promise.all(Array.from({ length: 5 }, () => stored(stateOf())))
    let broken = true
    const failing = make({
      slivers: {
        delete: id =>
          broken && id === ids[0] ? Promise.reject(new Error('disk')) : store.slivers.delete(id),
      },
    })
    await caughtUp(failing)
    assert.deepEqual(await failing.sweep(never), { dropped: 4, failed: 1 })
    broken = false
    assert.deepEqual(await failing.sweep(AbortSignal.abort()), { dropped: 0, failed: 0 })
    assert.ok(await isThere(ids[0]!))
    const half = make({ metadata: { delete: () => Promise.reject(new Error('killed')) } })
    await caughtUp(half)
    assert.deepEqual(await half.sweep(never), { dropped: 0, failed: 1 })
    await store.close()
    await open()
    await caughtUp()
    assert.deepEqual(await sweeper.sweep(never), { dropped: 1, failed: 0 })
    assert.equal(await isThere(ids[0]!), false)
  })

  it('leaves slivers alone of which it knows nothing', async () => {
    await caughtUp()
    const blobId = anyBlobId()
    await store.slivers.put(blobId, ref(0), randomBytes(9))
    await sweeper.sweep(never)
    assert.equal((await store.slivers.list(blobId)).length, 1)
  })

  it('reads nothing of living blobs: not at the start, not when an epoch begins, not to count', async () => {
    for (let i = 0; i < 300; i++) await become(anyBlobId(), stateOf(50))
    for (let i = 0; i < 30; i++) await stored(stateOf(50))
    const ended = 10
    for (let i = 0; i < ended; i++) await stored(stateOf(3))
    const readsOf = async (what: () => unknown) => {
      reads = { values: 0, keys: 0 }
      await what()
      return reads.values + reads.keys
    }
    const opening = await readsOf(async () => {
      await store.close()
      await open()
    })
    // the first record, what was counted, files that are being written
    assert.ok(opening < 300, `${opening} reads to open`)
    await readsOf(caughtUp)
    assert.equal(await readsOf(() => store.usage()), 0)
    assert.equal(await readsOf(() => sweeper.onEvent(epochStart(2))), 0)
    assert.equal(await readsOf(() => sweeper.sweep(never)), 0)
    assert.equal(await readsOf(() => sweeper.onEvent(epochStart(3))), 0)
    const perEnded = await readsOf(() => sweeper.sweep(never))
    assert.ok(perEnded <= ended * 6, `${perEnded} reads for ${ended} ended blobs`)
    assert.equal(store.usage().blobs, 30)
  })
})
