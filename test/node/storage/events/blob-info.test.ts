import assert from 'node:assert/strict'
import { type Clock, systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { ChainError } from '../../../../chain/index.ts'
import type { ChainEvent } from '../../../../chain/types/index.ts'
import { createBlobLock } from '../../../../node/storage/blob-lock.ts'
import { type BlobInfo, createBlobInfo } from '../../../../node/storage/events/blob-info.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import { openRecords, type Records } from '../../../../node/storage/store/records.ts'
import { FakeChain } from '../../../support/fake-chain.ts'
import { anyBlobId } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('blob info', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let records: Records
  let chain: FakeChain
  let blobs: BlobInfo
  let seen: string[]
  const patient = { timeoutMs: 5_000 }
  const open = (from: Pick<FakeChain, 'follow'> = chain, clock: Clock = systemClock) => {
    const info = createBlobInfo({
      chain: from,
      records: createBlobRecords(records),
      lock: createBlobLock(),
      log: silentLog(),
      clock,
    })
    info.onEvent(event => void seen.push(event.cursor))
    return info
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    records = await openRecords(folder.path, systemClock)
    chain = new FakeChain(10, [])
    seen = []
    blobs = open()
  })
  afterEach(async () => {
    await blobs.stop()
    await records.close()
    await folder.remove()
  })

  it('goes on after a stop where it was, skipping and repeating nothing', async () => {
    const ids = Array.from({ length: 6 }, anyBlobId)
    for (const id of ids.slice(0, 3)) chain.register(id)
    blobs.start()
    await blobs.waitFor(ids[2]!, state => state !== undefined, patient)
    await blobs.stop()
    for (const id of ids.slice(3)) chain.register(id)
    blobs = open()
    blobs.start()
    await blobs.waitFor(ids[5]!, state => state !== undefined, patient)
    assert.deepEqual(seen, ['1', '2', '3', '4', '5', '6'].slice(0, seen.length))
    assert.ok(seen.length >= 5)
    for (const id of ids) assert.equal((await blobs.get(id))?.registrations.length, 1)
  })

  it('follows again when the chain is lost', async () => {
    const clock = new VirtualClock()
    const losses = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let asked = 0
    const flaky: Pick<FakeChain, 'follow'> = {
      async *follow(options): AsyncIterable<ChainEvent> {
        const loss = losses[asked++]
        loss?.resolve()
        if (loss !== undefined) throw new Error('connection lost')
        yield* chain.follow(options)
      },
    }
    blobs = open(flaky, clock)
    blobs.start()
    const id = anyBlobId()
    chain.register(id)
    const found = blobs.waitFor(id, known => known !== undefined, patient)
    await losses[0]!.promise
    await clock.advance(199)
    // the pause, and the one who waits for the blob
    assert.equal(clock.waiting, 2)
    assert.equal(asked, 1)
    await clock.advance(1)
    await losses[1]!.promise
    await clock.advance(399)
    assert.equal(clock.waiting, 2)
    assert.equal(asked, 2)
    await clock.advance(1)
    const state = await found
    assert.equal(state?.registrations.length, 1)
  })

  it('reads the chain from the beginning when that has lost what was read last, and keeps what it knows', async () => {
    const ids = Array.from({ length: 4 }, anyBlobId)
    for (const id of ids.slice(0, 3)) chain.register(id)
    blobs.start()
    await blobs.waitFor(ids[2]!, state => state !== undefined, patient)
    await blobs.stop()
    // the last one is lost, and something else comes in its place
    chain.events.length = 2
    const cut: Pick<FakeChain, 'follow'> = {
      follow(options) {
        if (options.from !== '3') return chain.follow(options)
        throw new ChainError('CURSOR_UNKNOWN', 'lost', { cursor: '3', height: 2n })
      },
    }
    seen = []
    blobs = open(cut)
    blobs.start()
    chain.register(ids[3]!)
    const state = await blobs.waitFor(ids[3]!, known => known !== undefined, patient)
    assert.equal(state?.registrations.length, 1)
    assert.deepEqual(seen.slice(0, 2), ['1', '2'])
    for (const id of ids) assert.equal((await blobs.get(id))?.registrations.length, 1)
  })

  it('waits for no longer than it is told, and ends with the reason of the signal', async () => {
    blobs.start()
    assert.equal(await blobs.waitFor(anyBlobId(), () => false, { timeoutMs: 5 }), undefined)
    const controller = new AbortController()
    const waiting = blobs.waitFor(anyBlobId(), () => false, { ...patient, signal: controller.signal })
    controller.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
  })

  it('looks once at least, however little time it is given', async () => {
    const id = anyBlobId()
    const state = createBlobRecords(records)
    await state.advance('1' as never, { blobId: id, state: { registrations: [] } })
    const slow = {
      ...state,
      async get(blobId: typeof id) {
        await new Promise(resolve => setTimeout(resolve, 30))
        return await state.get(blobId)
      },
    }
    const info = createBlobInfo({
      chain,
      records: slow,
      lock: createBlobLock(),
      log: silentLog(),
      clock: systemClock,
    })
    assert.deepEqual(await info.waitFor(id, known => known !== undefined, { timeoutMs: 1 }), {
      registrations: [],
    })
  })

  it('goes on when a listener fails', async () => {
    blobs.onEvent(() => Promise.reject(new Error('listener')))
    blobs.start()
    const ids = [anyBlobId(), anyBlobId()]
    for (const id of ids) chain.register(id)
    await blobs.waitFor(ids[1]!, state => state !== undefined, patient)
  })
})
