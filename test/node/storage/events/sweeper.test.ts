import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import type { ChainEvent } from '../../../../chain/types/index.ts'
import { type Codec, createCodec } from '../../../../codec/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../../../codec/types.ts'
import { type BlobLock, createBlobLock } from '../../../../node/storage/blob-lock.ts'
import {
  createSweeper,
  type Sweeper,
  type SweeperComponents,
} from '../../../../node/storage/events/sweeper.ts'
import { type BlobState, endedSince } from '../../../../node/storage/store/blob-state.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import type { Records } from '../../../../node/storage/store/records.ts'
import { anyBlobId, ref } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const N = 10
const never = new AbortController().signal

describe('the sweeper', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let codec: Codec
  let store: NodeStore
  let lock: BlobLock
  let clock: VirtualClock
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
    getMany(keys) {
      reads.values += keys.length
      return records.getMany(keys)
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
      clock: systemClock,
      log: silentLog(),
      wrapRecords: counting,
    })
    lock = createBlobLock()
    clock = new VirtualClock()
    sweeper = make()
  }
  const make = (others: Partial<SweeperComponents> = {}) =>
    createSweeper({
      slivers: store.slivers,
      metadata: store.metadata,
      records: store.blobs,
      committees: { get: async () => ({ epoch: chainEpoch as Epoch }) as never },
      lock,
      log: silentLog(),
      clock,
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
    lock.exclusively(blobId, async () =>
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
    assert.equal(store.usage().blobs, 2)
    sweeper.onEvent(epochStart(5))
    assert.deepEqual(await sweeper.sweep(never), { dropped: 2, failed: 0 })
    assert.deepEqual(store.usage(), { blobs: 0, slivers: 0, bytes: 0 })
  })

  it('remembers for two epochs that a blob was certified and has ended, and nothing else of it', async () => {
    await caughtUp()
    const [expired, deleted, registered] = [
      await stored(stateOf(3)),
      await stored({ registrations: [], ended: 2 as Epoch }),
      await stored({ registrations: stateOf(3).registrations.map(one => ({ ...one, certified: false })) }),
    ]
    const heardIn = async (epoch: number) => {
      sweeper.onEvent(epochStart(epoch))
      await sweeper.sweep(never)
      const states = await Promise.all([expired, deleted, registered].map(id => store.blobs.get(id)))
      return states.map(state => endedSince(state, epoch as Epoch))
    }
    assert.deepEqual(await heardIn(3), [3, 2, undefined])
    assert.equal(await isThere(expired), false)
    assert.equal(await store.blobs.get(registered), undefined)
    assert.deepEqual(await heardIn(4), [3, undefined, undefined])
    assert.equal(await store.blobs.get(deleted), undefined)
    assert.deepEqual(await heardIn(5), [undefined, undefined, undefined])
    assert.equal(await store.blobs.get(expired), undefined)
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
    const [one, two] = [await lock.enter(blobId), await lock.enter(blobId)]
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
    const entered = lock.enter(blobId).then(leave => {
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

  it('tries again after a minute what it could not drop', async () => {
    let failed: (() => void) | undefined
    const first = new Promise<void>(resolve => {
      failed = resolve
    })
    const trying = make({
      slivers: {
        delete(id) {
          if (failed === undefined) return store.slivers.delete(id)
          failed()
          failed = undefined
          return Promise.reject(new Error('disk'))
        },
      },
    })
    const blobId = await stored(stateOf())
    trying.start()
    await caughtUp(trying)
    await first
    await clock.advance(59_999)
    assert.equal(clock.waiting, 1)
    assert.ok(await isThere(blobId))
    await clock.advance(1)
    await gone(blobId)
    await trying.stop()
    assert.equal(clock.waiting, 0)
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
