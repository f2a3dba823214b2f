import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import type { Axis, ShardIndex, SliverRef } from '../../../../codec/types.ts'
import { PACK_PREFIX, SCHEMA_KEY, sliverKey } from '../../../../node/storage/store/keys.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import { encodeJson, openRecords, type Records } from '../../../../node/storage/store/records.ts'
import { expectAgreement } from '../../../support/pack-accounts.ts'
import { anyBlobId, ref } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const N = 10
const network = `0x${'1'.repeat(64)}`

describe('the index of packs', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let store: NodeStore
  let records: Records
  let clock: VirtualClock
  let rewrote: () => void
  const path = () => join(folder.path, 'slivers')
  const open = async () => {
    const wrapRecords = (own: Records) => {
      records = own
      return own
    }
    clock = new VirtualClock()
    rewrote = () => {}
    store = await openNodeStore({
      path: folder.path,
      network,
      nShards: N,
      inlineBytes: 0,
      clock,
      log: { ...silentLog(), debug: (_, message) => void (message.includes('rewrote') && rewrote()) },
      wrapRecords,
    })
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    await open()
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  /** Lets time pass until no pack is sparse. */
  const rewriteAll = async () => {
    for (let round = 0; ; round++) {
      const found = await expectAgreement(records, path())
      if (found.sparse === 0) return found
      assert.ok(round < 50, 'packs stay sparse')
      const done = new Promise<void>(resolve => {
        rewrote = resolve
      })
      await clock.advanceUntil(done, 10_000)
    }
  }

  it('counts what of each pack is needed, and lets go of those of which nothing is', async () => {
    const blob = anyBlobId()
    const put = (pairs: number[], size: number) =>
      Promise.all(pairs.map(pair => store.slivers.put(blob, ref(pair), randomBytes(size))))
    await put([0, 1, 2], 100)
    const first = { neededBytes: 300, diskBytes: 300, packs: 1, sparse: 0 }
    assert.deepEqual(await expectAgreement(records, path()), first)
    await put([0, 1], 100)
    const second = { neededBytes: 300, diskBytes: 500, packs: 2, sparse: 1 }
    assert.deepEqual(await expectAgreement(records, path()), second)
    await put([2], 100)
    const third = { neededBytes: 300, diskBytes: 300, packs: 2, sparse: 0 }
    assert.deepEqual(await expectAgreement(records, path()), third)
    await store.slivers.delete(blob)
    const last = { neededBytes: 0, diskBytes: 0, packs: 0, sparse: 0 }
    assert.deepEqual(await expectAgreement(records, path()), last)
  })

  it('counts what is found damaged as not needed', async () => {
    const blob = anyBlobId()
    await Promise.all([0, 1].map(pair => store.slivers.put(blob, ref(pair), randomBytes(100))))
    const [entry] = (await readdir(path(), { recursive: true, withFileTypes: true })).filter(one =>
      one.isFile(),
    )
    const file = join(entry!.parentPath, entry!.name)
    await truncate(file, 150)
    assert.equal(await store.slivers.get(blob, ref(1)), undefined)
    assert.equal((await expectAgreement(records, path())).neededBytes, 100)
    await truncate(file, 50)
    assert.equal(await store.slivers.get(blob, ref(0)), undefined)
    assert.equal((await expectAgreement(records, path())).packs, 0)
  })

  it('is made for a store of version 3, which then works', async () => {
    const [one, two] = [anyBlobId(), anyBlobId()]
    const kept = randomBytes(90)
    await Promise.all([
      store.slivers.put(one, ref(0), kept),
      ...[1, 2].map(pair => store.slivers.put(one, ref(pair), randomBytes(100))),
    ])
    await store.slivers.put(one, ref(1), randomBytes(100))
    await store.slivers.put(two, ref(0, 'secondary'), randomBytes(70))
    const before = await expectAgreement(records, path())
    const own: string[] = []
    for await (const key of records.keys(PACK_PREFIX)) own.push(key)
    await records.commit([
      ...own.map(key => ({ type: 'del' as const, key })),
      { type: 'put', key: SCHEMA_KEY, value: encodeJson({ schemaVersion: 3, network }) },
    ])
    await store.close()
    await open()
    assert.deepEqual(await expectAgreement(records, path()), before)
    assert.deepEqual(Buffer.from((await store.slivers.get(one, ref(0))) ?? []), kept)
    await store.slivers.delete(one)
    assert.equal((await expectAgreement(records, path())).packs, 1)
    await store.slivers.delete(two)
    assert.equal((await expectAgreement(records, path())).packs, 0)
  })

  it('keeps a pack that it has never counted', async () => {
    const blob = anyBlobId()
    await Promise.all([0, 1].map(pair => store.slivers.put(blob, ref(pair), randomBytes(100))))
    for await (const key of records.keys(PACK_PREFIX)) await records.commit([{ type: 'del', key }])
    await store.slivers.put(blob, ref(0), randomBytes(100))
    assert.ok(await store.slivers.get(blob, ref(1)))
  })

  it('tells of files that could not be removed, and the next open removes them', async () => {
    const blob = anyBlobId()
    await store.slivers.put(blob, ref(0), randomBytes(100))
    const [entry] = (await readdir(path(), { recursive: true, withFileTypes: true })).filter(one =>
      one.isFile(),
    )
    // a folder in its place cannot be removed as a file
    const file = join(entry!.parentPath, entry!.name)
    await rm(file)
    await mkdir(file)
    await store.slivers.delete(blob)
    assert.deepEqual(await store.slivers.list(blob), [])
    await rm(file, { recursive: true })
    await writeFile(file, 'left')
    await store.close()
    await open()
    assert.equal((await expectAgreement(records, path())).packs, 0)
  })

  it('agrees with the packs, and with a store in memory, after any changes', async function () {
    this.timeout(120_000)
    const blobs = Array.from({ length: 4 }, anyBlobId)
    const blob = fc.nat({ max: blobs.length - 1 })
    const sliver = fc.record({
      blob,
      pair: fc.nat({ max: N - 1 }),
      axis: fc.constantFrom('primary' as const, 'secondary' as const),
      content: fc.nat({ max: 3 }),
      size: fc.nat({ max: 200 }),
    })
    // one of several for the same place is as good as another: which is last is not said
    const slivers = (items: { blob: number; pair: number; axis: Axis; content: number; size: number }[]) =>
      [...new Map(items.map(item => [`${item.blob}/${item.axis}/${item.pair}`, item])).values()].map(
        ({ blob, pair, axis, content, size }) => ({
          blobId: blobs[blob]!,
          ref: ref(pair, axis),
          bytes: Buffer.alloc(size, content),
        }),
      )
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ put: fc.array(sliver, { minLength: 1, maxLength: 8 }) }) },
      { weight: 2, arbitrary: fc.record({ delete: fc.uniqueArray(blob, { minLength: 1, maxLength: 3 }) }) },
      { weight: 6, arbitrary: fc.record({ putMany: fc.array(sliver, { minLength: 1, maxLength: 12 }) }) },
      { weight: 2, arbitrary: fc.record({ deleteShard: fc.nat({ max: N - 1 }) }) },
      { weight: 1, arbitrary: fc.constant({ reopen: true as const }) },
      { weight: 2, arbitrary: fc.constant({ rewrite: true as const }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
        const model = memorySliverStore(N)
        for (const one of blobs) await store.slivers.delete(one)
        for (const one of steps) {
          if ('put' in one) {
            const items = slivers(one.put)
            for (const into of [model, store.slivers])
              await Promise.all(items.map(({ blobId, ref, bytes }) => into.put(blobId, ref, bytes)))
          } else if ('putMany' in one) {
            for (const into of [model, store.slivers]) await into.putMany(slivers(one.putMany))
          } else if ('deleteShard' in one) {
            for (const into of [model, store.slivers]) await into.deleteShard(one.deleteShard as ShardIndex)
          } else if ('delete' in one) {
            for (const into of [model, store.slivers])
              await Promise.all(one.delete.map(index => into.delete(blobs[index]!)))
          } else if ('rewrite' in one) {
            await rewriteAll()
          } else {
            await store.close()
            await open()
          }
        }
        for (let shard = 0; shard < N; shard++) {
          const lists = [model, store.slivers].map(one => one.listShard(shard as ShardIndex, { limit: 9 }))
          const [expected, found] = (await Promise.all(lists)).map(list =>
            list.map(({ blobId, refs }) => refs.map(one => sliverKey(blobId, one)).sort()),
          )
          assert.deepEqual(found, expected)
        }
        let bytes = 0
        for (const blobId of blobs) {
          const expected = await model.list(blobId)
          const keys = (refs: SliverRef[]) => refs.map(one => sliverKey(blobId, one)).sort()
          assert.deepEqual(keys(await store.slivers.list(blobId)), keys(expected))
          for (const one of expected) {
            const content = await model.get(blobId, one)
            assert.deepEqual(
              Buffer.from((await store.slivers.get(blobId, one)) ?? []),
              Buffer.from(content ?? []),
            )
            bytes += content?.length ?? 0
          }
        }
        const { neededBytes, diskBytes } = await rewriteAll()
        assert.ok(diskBytes <= 2 * neededBytes)
        assert.equal(store.usage().bytes, bytes)
      }),
      { numRuns: 25 },
    )
  })
})

describe('records', () => {
  it('gives many at a time, in the order of the keys', async () => {
    const folder = await temporaryFolder()
    const records = await openRecords(folder.path, systemClock)
    try {
      await records.commit([1, 2].map(i => ({ type: 'put', key: `/x/${i}`, value: Uint8Array.of(i) })))
      const found = await records.getMany(['/x/2', '/x/3', '/x/1'])
      assert.deepEqual(
        found.map(value => value?.[0]),
        [2, undefined, 1],
      )
    } finally {
      await records.close()
      await folder.remove()
    }
  })
})
