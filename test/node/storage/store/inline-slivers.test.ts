import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import type { SliverRef } from '../../../../codec/types.ts'
import { checkNodeStore } from '../../../../node/storage/store/check/check-store.ts'
import type { DamagedSliver } from '../../../../node/storage/store/file-sliver-store.ts'
import { sliverKey } from '../../../../node/storage/store/keys.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import type { RecordOperation, Records } from '../../../../node/storage/store/records.ts'
import { repairNodeStore } from '../../../../node/storage/store/repair.ts'
import type { ScrubbedFile } from '../../../../node/storage/store/shard-slivers.ts'
import { packFilesIn } from '../../../support/pack-accounts.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { withRecords } from '../../../support/with-records.ts'

const N = 10
const settings = { network: `0x${'1'.repeat(64)}`, nShards: N, clock: systemClock, log: silentLog() }

describe('small slivers, which lie in the index', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let codec: Codec
  let blobs: EncodedBlob[]
  let store: NodeStore
  let records: Records
  let commits: { operations: readonly RecordOperation[]; sync: boolean | undefined }[]
  let damaged: DamagedSliver[]
  const refs = [0, 4].flatMap(pair =>
    (['primary', 'secondary'] as const).map(axis => ({ pair, axis }) as SliverRef),
  )
  const [first, second] = refs as [SliverRef, SliverRef]
  const idOf = (i: number) => blobs[i]!.metadata.blobId

  before(async () => {
    codec = createCodec({ threads: 0 })
    blobs = await Promise.all([900, 3_000].map(size => codec.encode(randomBytes(size), N)))
  })
  after(() => codec.close())
  const noting = (own: Records): Records => {
    records = own
    return {
      get: key => own.get(key),
      getMany: keys => own.getMany(keys),
      has: key => own.has(key),
      list: prefix => own.list(prefix),
      keys: (prefix, range) => own.keys(prefix, range),
      commit(operations, options) {
        commits.push({ operations, sync: options?.sync })
        return own.commit(operations, options)
      },
      close: () => own.close(),
    }
  }
  const open = async (inlineBytes?: number) => {
    store = await openNodeStore({
      path: folder.path,
      ...settings,
      inlineBytes,
      wrapRecords: noting,
      onDamaged: one => damaged.push(one),
    })
  }
  const put = async () => {
    for (const { metadata, sliver } of blobs) {
      await store.metadata.put(metadata, { sync: false })
      await Promise.all(refs.map(ref => store.slivers.put(metadata.blobId, ref, sliver(ref))))
    }
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    commits = []
    damaged = []
    await open()
    await put()
    commits.length = 0
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  const files = () => packFilesIn(join(folder.path, 'slivers'))
  const is = async (i: number, ref: SliverRef) =>
    Buffer.from((await store.slivers.get(idOf(i), ref)) ?? []).equals(blobs[i]!.sliver(ref))
  const flip = async (on: Records, i: number, ref: SliverRef) => {
    const key = sliverKey(idOf(i), ref)
    const value = Uint8Array.from((await on.get(key))!)
    value[value.length - 1]! ^= 1
    await on.commit([{ type: 'put', key, value }])
  }
  const check = (isDeep = false, repairs = false) =>
    checkNodeStore(folder.path, { ...settings, isDeep, repairs })

  it('need no file, and are counted', async () => {
    assert.deepEqual(await files(), [])
    const bytes = blobs.flatMap(({ sliver }) => refs.map(ref => sliver(ref).length))
    const usage = { blobs: 2, slivers: 8, bytes: bytes.reduce((sum, length) => sum + length) }
    assert.deepEqual(store.usage(), usage)
    await store.close()
    await open()
    assert.deepEqual(store.usage(), usage)
    for (const [i] of blobs.entries()) for (const ref of refs) assert.ok(await is(i, ref))
    const piece = await (await store.slivers.open(idOf(1), first))?.read(10, 20)
    assert.deepEqual(Buffer.from(piece!), Buffer.from(blobs[1]!.sliver(first)).subarray(10, 30))
    await store.slivers.delete(idOf(0))
    await store.slivers.delete(idOf(1))
    assert.deepEqual(store.usage(), { ...usage, slivers: 0, bytes: 0 })
  })

  it('share one synced batch, of whichever blobs they are, and none when they come again', async () => {
    await put()
    assert.equal(commits.length, 0)
    for (const [i] of blobs.entries()) await store.slivers.delete(idOf(i))
    commits.length = 0
    await Promise.all(
      blobs.flatMap(({ metadata, sliver }) =>
        refs.map(ref => store.slivers.put(metadata.blobId, ref, sliver(ref))),
      ),
    )
    assert.deepEqual(
      commits.map(({ operations, sync }) => [
        operations.filter(({ key }) => key.startsWith('/sliver/')).length,
        sync,
      ]),
      [[8, true]],
    )
  })

  it('are not served once they are altered, and come again', async () => {
    const { signal } = new AbortController()
    const notice: Record<string, () => Promise<unknown>> = {
      get: () => store.slivers.get(idOf(0), first),
      open: () => store.slivers.open(idOf(0), first),
      has: () => store.slivers.has(idOf(0), first),
      holds: () => store.slivers.holds(idOf(0), first, { signal, isRight: async () => true }),
    }
    for (const [how, ask] of Object.entries(notice)) {
      await flip(records, 0, first)
      damaged.length = 0
      assert.ok(!(await ask()), how)
      assert.deepEqual(damaged, [{ blobId: idOf(0), ref: first, file: 'index' }], how)
      assert.ok(await is(0, second), how)
      await store.slivers.put(idOf(0), first, blobs[0]!.sliver(first))
      assert.ok(await is(0, first), how)
    }
  })

  it('are verified once, and again when they were put by another process', async () => {
    const { signal } = new AbortController()
    let asked = 0
    const isRight = async () => ++asked > 0
    await store.slivers.holds(idOf(0), first, { signal, isRight })
    assert.equal(asked, 0)
    await store.close()
    await open()
    for (let i = 0; i < 2; i++) assert.ok(await store.slivers.holds(idOf(0), first, { signal, isRight }))
    assert.equal(asked, 1)
  })

  it('are looked at with the others, and those that are bad are dropped', async () => {
    await flip(records, 1, second)
    const options = { pace: async () => {}, signal: new AbortController().signal }
    const found: ScrubbedFile[] = []
    for await (const one of store.slivers.scrub(options)) found.push(one)
    assert.deepEqual(
      found.map(({ slivers, bad }) => [slivers, bad]).sort(([, a], [, b]) => a! - b!),
      [
        [4, 0],
        [4, 1],
      ],
    )
    assert.deepEqual(damaged, [{ blobId: idOf(1), ref: second, file: 'index' }])
    const rest: ScrubbedFile[] = []
    for await (const one of store.slivers.scrub({ ...options, after: found[0]!.file })) rest.push(one)
    assert.equal(rest.length, 1)
    assert.equal(rest[0]?.file, found[1]?.file)
  })

  it('are checked, and what is bad is dropped and noted as missing', async () => {
    await store.close()
    assert.deepEqual((await check(true)).found, {})
    await withRecords(folder.path, on => flip(on, 0, first))
    const found = { altered: { count: 1, names: [`${idOf(0)} ${first.axis} ${first.pair}`] } }
    assert.deepEqual((await check()).found, found)
    assert.deepEqual((await check(false, true)).found, found)
    assert.deepEqual((await check(true)).found, {})
    await open()
    assert.equal(await store.slivers.get(idOf(0), first), undefined)
    assert.equal(store.usage().slivers, 7)
    assert.equal((await store.node.missingOf(idOf(0)))?.reason, 'damaged')
  })

  it('stay when the index is made anew, but for those that are altered', async () => {
    await store.close()
    await withRecords(folder.path, on => flip(on, 0, first))
    await repairNodeStore(folder.path, settings)
    await open()
    assert.deepEqual(
      await Promise.all(refs.map(ref => is(0, ref))),
      refs.map(ref => ref !== first),
    )
    for (const ref of refs) assert.ok(await is(1, ref))
    assert.equal(store.usage().slivers, 7)
  })

  it('are in a copy of the store', async () => {
    const to = `${folder.path}.copy`
    const { slivers, packs } = await store.copy(to)
    assert.deepEqual([slivers, packs], [8, 0])
    const copy = await openNodeStore({ path: to, ...settings })
    try {
      const bytes = await copy.slivers.get(idOf(1), second)
      assert.ok(Buffer.from(bytes!).equals(blobs[1]!.sliver(second)))
    } finally {
      await copy.close()
    }
  })

  it('take the place of those in files, and the other way round', async () => {
    await store.slivers.delete(idOf(0))
    await store.close()
    await open(0)
    const all = () => refs.map(ref => ({ blobId: idOf(0), ref, bytes: blobs[0]!.sliver(ref) }))
    await Promise.all(all().map(({ blobId, ref, bytes }) => store.slivers.put(blobId, ref, bytes)))
    assert.equal((await files()).length, 1)
    await store.close()
    await open()
    for (const ref of refs) assert.ok(await is(0, ref))
    const changed = new Uint8Array(10)
    for (const ref of refs) await store.slivers.put(idOf(0), ref, changed)
    assert.deepEqual(await files(), [])
    await store.slivers.putMany(all())
    assert.equal((await files()).length, 2)
    for (const ref of refs) assert.ok(await is(0, ref))
    assert.equal(store.usage().slivers, 8)
  })
})
