import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type DamagedSliver, openFileSliverStore } from '../../../../node/storage/store/file-sliver-store.ts'
import { SLIVER_PREFIX } from '../../../../node/storage/store/keys.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import { writePack } from '../../../../node/storage/store/pack-file.ts'
import { openRecords, type Records } from '../../../../node/storage/store/records.ts'
import { openUsage } from '../../../../node/storage/store/usage-counter.ts'
import { anyBlobId, ref, sliverStoreSuite } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const network = `0x${'1'.repeat(64)}`

sliverStoreSuite('in memory', async nShards => ({ store: memorySliverStore(nShards), close: async () => {} }))

for (const [name, inlineBytes] of [
  ['in files', 0],
  ['in files, and small ones in the index', undefined],
] as const) {
  sliverStoreSuite(name, async nShards => {
    const folder = await temporaryFolder()
    const store = await openNodeStore({
      path: folder.path,
      network,
      nShards,
      clock: systemClock,
      log: silentLog(),
      inlineBytes,
    })
    return {
      store: store.slivers,
      async close() {
        await store.close()
        await folder.remove()
      },
    }
  })
}

describe('slivers in files', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let store: NodeStore
  let damaged: DamagedSliver[]

  const reopen = async () => {
    await store?.close()
    damaged = []
    const onDamaged = (one: DamagedSliver) => damaged.push(one)
    store = await openNodeStore({
      path: folder.path,
      network,
      nShards: 10,
      inlineBytes: 0,
      clock: systemClock,
      log: silentLog(),
      onDamaged,
    })
  }
  const files = async () => {
    const names = await readdir(join(folder.path, 'slivers'), { recursive: true, withFileTypes: true })
    return names.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    store = undefined as unknown as NodeStore
    await reopen()
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  it('survives a restart and counts what it holds', async () => {
    const blob = anyBlobId()
    const bytes = randomBytes(1000)
    await store.slivers.put(blob, ref(3), bytes)
    await reopen()
    assert.deepEqual(Buffer.from((await store.slivers.get(blob, ref(3))) ?? []), bytes)
    assert.deepEqual(store.usage(), { blobs: 0, slivers: 1, bytes: 1000 })
  })

  it('writes slivers that come together into few files', async () => {
    const blob = anyBlobId()
    await Promise.all(Array.from({ length: 30 }, (_, i) => store.slivers.put(blob, ref(i), randomBytes(100))))
    assert.ok((await files()).length <= 2)
  })

  it('notices files that were cut off, altered or removed, and serves none of it', async () => {
    const harm: [string, (file: string) => Promise<void>][] = [
      ['cut off', file => truncate(file, 150)],
      [
        'altered',
        async file => {
          const bytes = await readFile(file)
          bytes[bytes.length - 1]! ^= 1
          await writeFile(file, bytes)
        },
      ],
      ['removed', file => rm(file)],
    ]
    for (const [what, hurt] of harm) {
      const blob = anyBlobId()
      const before = new Set(await files())
      const slivers = [randomBytes(100), randomBytes(100)]
      await Promise.all(slivers.map((bytes, i) => store.slivers.put(blob, ref(i), bytes)))
      for (const file of await files()) if (!before.has(file)) await hurt(file)
      damaged.length = 0
      assert.equal(await store.slivers.get(blob, ref(1)), undefined, what)
      assert.equal(damaged.length, 1, what)
      assert.deepEqual({ ...damaged[0], file: '' }, { blobId: blob, ref: ref(1), file: '' })
      assert.equal(await store.slivers.has(blob, ref(1)), false, what)
      const first = await store.slivers.get(blob, ref(0))
      assert.deepEqual(first && Buffer.from(first), what === 'removed' ? undefined : slivers[0], what)
      await store.slivers.put(blob, ref(1), slivers[1]!)
      assert.deepEqual(Buffer.from((await store.slivers.get(blob, ref(1))) ?? []), slivers[1], what)
    }
  })

  it('opens no damaged sliver, however large, and says when one goes while it is read', async () => {
    const blob = anyBlobId()
    for (const harm of ['cut off', 'altered', 'removed', 'deleted while open'] as const) {
      const before = new Set(await files())
      await store.slivers.put(blob, ref(0), randomBytes(4_000_000))
      const file = (await files()).find(one => !before.has(one))!
      damaged.length = 0
      const open = await store.slivers.open(blob, ref(0))
      assert.ok(await open?.read(3_900_000, 100_000))
      if (harm === 'cut off') await truncate(file, 3_950_000)
      if (harm === 'removed') await rm(file)
      if (harm === 'altered') {
        const bytes = await readFile(file)
        bytes[3_999_999]! ^= 1
        await writeFile(file, bytes)
      }
      if (harm === 'deleted while open') {
        await store.slivers.delete(blob)
        assert.equal(await open?.read(0, 1), undefined)
        continue
      }
      assert.equal(await store.slivers.open(blob, ref(0)), undefined, harm)
      assert.equal(damaged.length, 1, harm)
      if (harm !== 'altered') assert.equal(await open?.read(3_900_000, 100_000), undefined, harm)
    }
  })

  it('notices a cut-off file when only asked whether it has the sliver', async () => {
    const blob = anyBlobId()
    await store.slivers.put(blob, ref(0), randomBytes(100))
    const [file] = await files()
    await truncate(file!, 99)
    assert.equal(await store.slivers.has(blob, ref(0)), false)
    assert.equal(damaged.length, 1)
  })

  it('sweeps what an interrupted write left behind', async () => {
    await store.slivers.put(anyBlobId(), ref(0), randomBytes(10))
    const kept = await files()
    await writeFile(join(folder.path, 'slivers', 'tmp', 'half'), 'half')
    await reopen()
    assert.deepEqual(await files(), kept)
  })

  it('removes the files of a deleted blob', async () => {
    const blob = anyBlobId()
    await store.slivers.put(blob, ref(0), randomBytes(10))
    await store.slivers.delete(blob)
    assert.deepEqual(await files(), [])
  })

  it('takes no more room when a sliver comes again, from several uploads at a time', async () => {
    const blob = anyBlobId()
    const bytes = randomBytes(50)
    await Promise.all([store.slivers.put(blob, ref(0), bytes), store.slivers.put(blob, ref(0), bytes)])
    const kept = await files()
    await store.slivers.put(blob, ref(0), bytes)
    assert.deepEqual(await files(), kept)
    assert.equal((await stat(kept[0]!)).size, 50)
  })

  it('removes a file once nothing in it is needed any more', async () => {
    const blob = anyBlobId()
    await Promise.all([0, 1].map(i => store.slivers.put(blob, ref(i), randomBytes(50))))
    const [first] = await files()
    await store.slivers.put(blob, ref(0), randomBytes(50))
    assert.ok((await files()).includes(first!))
    await store.slivers.put(blob, ref(1), randomBytes(50))
    assert.ok(!(await files()).includes(first!))
    assert.equal((await files()).length, 2)
    for (const file of await files()) await truncate(file, 10)
    for (const i of [0, 1]) assert.equal(await store.slivers.get(blob, ref(i)), undefined)
    assert.deepEqual(await files(), [])
    await reopen()
    assert.deepEqual(await store.slivers.list(blob), [])
  })

  it('does not lose a sliver that is put while the damage to its forerunner is dealt with', async () => {
    const records = await openRecords(join(folder.path, 'other'), systemClock)
    const forgetting = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const written = Promise.withResolvers<void>()
    let onWritten = () => {}
    const overtaking: Promise<void>[] = []
    const held: Records = {
      get: key => records.get(key),
      getMany: keys => records.getMany(keys),
      has: key => records.has(key),
      keys: (prefix, options) => records.keys(prefix, options),
      list: prefix => records.list(prefix),
      async commit(operations, options) {
        if (operations.some(({ type, key }) => type === 'del' && key.startsWith(SLIVER_PREFIX))) {
          forgetting.resolve()
          await goOn.promise
        }
        const committed = records.commit(operations, options)
        if (operations.some(({ type, key }) => type === 'put' && key.startsWith(SLIVER_PREFIX)))
          overtaking.push(committed)
        await committed
      },
      close: () => records.close(),
    }
    const path = join(folder.path, 'other-slivers')
    const usage = await openUsage(held)
    const slivers = await openFileSliverStore({
      path,
      nShards: 10,
      inlineBytes: 0,
      clock: systemClock,
      records: held,
      usage,
      room: { failed: () => {}, expectForUpkeep: async () => {} },
      async write(...args) {
        await writePack(...args)
        onWritten()
      },
      log: silentLog(),
    })
    try {
      const blob = anyBlobId()
      await slivers.put(blob, ref(0), randomBytes(100))
      onWritten = written.resolve
      for (const file of await readdir(path, { recursive: true, withFileTypes: true })) {
        if (file.isFile()) await truncate(join(file.parentPath, file.name), 10)
      }
      const damagedOne = slivers.get(blob, ref(0))
      await forgetting.promise
      const bytes = randomBytes(100)
      const put = slivers.put(blob, ref(0), bytes)
      await written.promise
      // several times what is left of a put that waits for nobody: its record would be there by then, and be forgotten
      for (let i = 0; i < 20; i++) {
        await stat(path)
        await records.get('any')
      }
      await Promise.all(overtaking)
      goOn.resolve()
      await Promise.all([damagedOne, put])
      assert.deepEqual(Buffer.from((await slivers.get(blob, ref(0))) ?? []), bytes)
    } finally {
      goOn.resolve()
      await slivers.close()
      await records.close()
    }
  })
})
