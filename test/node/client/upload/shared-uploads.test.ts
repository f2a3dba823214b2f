import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { BlobObject } from '../../../../chain/types/index.ts'
import type { Certificate } from '../../../../codec/types.ts'
import type { StoreOptions, StoreResult } from '../../../../node/client/types.ts'
import { createSharedUploads, type SharedRun } from '../../../../node/client/upload/shared-uploads.ts'

const blob = { blobId: 'B', objectId: '0x1', storage: { endEpoch: 5 } } as unknown as BlobObject
const created: StoreResult = {
  kind: 'newlyCreated',
  blobId: blob.blobId,
  blob,
  costFrost: 7n,
  encodedLength: 1,
  epochsAhead: 1,
  operation: { kind: 'registerFromScratch' },
  confirmedShards: 7,
}
const known = { kind: 'alreadyCertified', blobId: 'B', objectId: '0x1', endEpoch: 5 }
const certificate = {} as Certificate
const turn = () => new Promise(resolve => setImmediate(resolve))

describe('uploads of one content', () => {
  /** Uploads that end when a test says so. */
  const begin = () => {
    const uploads = createSharedUploads()
    const runs: (SharedRun & PromiseWithResolvers<StoreResult>)[] = []
    const store = (data: Uint8Array, options: Partial<StoreOptions> = {}) =>
      uploads.store(data, { epochs: 1, deletable: true, ...options }, shared => {
        const run = { ...shared, ...Promise.withResolvers<StoreResult>() }
        runs.push(run)
        return run.promise
      })
    return { uploads, runs, store }
  }
  const data = randomBytes(100)

  it('are one when they ask for the same: one pays, the others are told that it is there', async () => {
    const { runs, store } = begin()
    const all = Array.from({ length: 6 }, () => store(Uint8Array.from(data)))
    await turn()
    assert.equal(runs.length, 1)
    runs[0]?.resolve(created)
    assert.deepEqual(await Promise.all(all), [created, known, known, known, known, known])
    // over: the next one asks anew
    const next = store(data)
    await turn()
    assert.equal(runs.length, 2)
    assert.equal(runs[1]?.again, false)
    runs[1]?.resolve(created)
    await next
  })

  it('tell all who wait that a transaction was handed in', async () => {
    const { runs, store } = begin()
    const told: number[] = []
    const all = [0, 1].map(i => store(data, { onSubmitted: () => told.push(i) }))
    await turn()
    runs[0]?.options.onSubmitted?.()
    assert.deepEqual(told, [0, 1])
    runs[0]?.resolve(created)
    await Promise.all(all)
  })

  it('are one each for other contents', async () => {
    const { runs, store } = begin()
    const all = [store(randomBytes(100)), store(randomBytes(100)), store(randomBytes(99))]
    await turn()
    assert.equal(runs.length, 3)
    for (const run of runs) run.resolve(created)
    assert.deepEqual(await Promise.all(all), [created, created, created])
  })

  it('wait for each other when they ask for something else, and look for what the one before has stored', async () => {
    const others: Partial<StoreOptions>[] = [
      { epochs: 2 },
      { deletable: false },
      { force: true },
      { sendObjectTo: '0x2' as StoreOptions['sendObjectTo'] & string },
    ]
    for (const options of others) {
      const { runs, store } = begin()
      const first = store(data)
      const second = store(data, options)
      await turn()
      assert.equal(runs.length, 1)
      runs[0]?.resolve(created)
      assert.deepEqual(await first, created)
      await turn()
      assert.equal(runs.length, 2)
      assert.equal(runs[1]?.again, true)
      runs[1]?.resolve(created)
      assert.deepEqual(await second, created)
    }
  })

  it('give each who insists on an object one of their own', async () => {
    const { runs, store } = begin()
    const all = [store(data, { force: true }), store(data, { force: true })]
    await turn()
    runs[0]?.resolve(created)
    await turn()
    runs[1]?.resolve(created)
    assert.deepEqual(await Promise.all(all), [created, created])
  })

  it('are sent by whom each says', async () => {
    const { runs, store } = begin()
    const [one, other] = [async () => certificate, async () => certificate]
    const first = [store(data, { sendBy: one }), store(data, { sendBy: one })]
    const second = store(data, { sendBy: other })
    await turn()
    runs[0]?.resolve(created)
    await Promise.all(first)
    await turn()
    assert.deepEqual(
      runs.map(({ options }) => options.sendBy),
      [one, other],
    )
    runs[1]?.resolve(created)
    await second
  })

  it('end for each by its own signal, and go on while anyone wants them', async () => {
    const { runs, store } = begin()
    const patience = [new AbortController(), new AbortController(), new AbortController()]
    const all = patience.map(({ signal }) => store(data, { signal }))
    await turn()
    patience[0]?.abort(new Error('no more patience'))
    await assert.rejects(all[0]!, /no more patience/)
    assert.equal(runs[0]?.options.signal.aborted, false)
    // the one that began it has left: the object is the next one's
    runs[0]?.resolve(created)
    assert.deepEqual(await Promise.all(all.slice(1)), [created, known])
  })

  it('are aborted when nobody wants them any more, and the next one waits until they are over', async () => {
    const { uploads, runs, store } = begin()
    const patience = new AbortController()
    const first = store(data, { signal: patience.signal })
    const second = store(data, { signal: patience.signal })
    await turn()
    patience.abort(new Error('no more patience'))
    await assert.rejects(first, /no more patience/)
    await assert.rejects(second, /no more patience/)
    assert.equal(runs[0]?.options.signal.aborted, true)
    // its transaction is still under way
    const third = store(data)
    await turn()
    assert.equal(runs.length, 1)
    runs[0]?.reject(runs[0].options.signal.reason)
    await turn()
    assert.equal(runs.length, 2)
    assert.equal(runs[1]?.again, true)
    runs[1]?.resolve(created)
    assert.deepEqual(await third, created)
    await uploads.over()
  })

  it('fail for all who wait, and for nobody who comes later', async () => {
    const { runs, store } = begin()
    const all = [store(data), store(data)]
    await turn()
    runs[0]?.reject(new Error('too few'))
    for (const one of all) await assert.rejects(one, /too few/)
    const later = store(data)
    await turn()
    runs[1]?.resolve(created)
    assert.deepEqual(await later, created)
  })

  it('tell their progress to everyone', async () => {
    const { runs, store } = begin()
    const told: string[] = []
    const all = ['a', 'b'].map(name =>
      store(data, { onProgress: ({ phase }) => void told.push(`${name} ${phase}`) }),
    )
    await turn()
    runs[0]?.options.onProgress?.({ phase: 'encode', done: 0, total: 1 })
    runs[0]?.resolve(created)
    await Promise.all(all)
    assert.deepEqual(told, ['a encode', 'b encode'])
  })
})
