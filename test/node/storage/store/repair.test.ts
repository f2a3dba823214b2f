import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import type { SliverRef } from '../../../../codec/types.ts'
import { metadataKey } from '../../../../node/storage/store/keys.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import { repairNodeStore } from '../../../../node/storage/store/repair.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { withRecords } from '../../../support/with-records.ts'

const N = 10
const network = `0x${'1'.repeat(64)}`
const settings = { network, nShards: N, clock: systemClock, log: silentLog(), inlineBytes: 0 }

describe('the repair of a store', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let codec: Codec
  let blobs: EncodedBlob[]
  const refs = [0, 4].flatMap(pair =>
    (['primary', 'secondary'] as const).map(axis => ({ pair, axis }) as SliverRef),
  )

  before(async () => {
    codec = createCodec({ threads: 0 })
    blobs = await Promise.all([1, 3_000, 100_000].map(size => codec.encode(randomBytes(size), N)))
  })
  after(() => codec.close())

  const open = () => openNodeStore({ path: folder.path, ...settings })
  const within = async <T>(use: (store: NodeStore) => Promise<T>): Promise<T> => {
    const store = await open()
    try {
      return await use(store)
    } finally {
      await store.close()
    }
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    await within(async store => {
      for (const blob of blobs) {
        await store.metadata.put(blob.metadata)
        await Promise.all(refs.map(ref => store.slivers.put(blob.metadata.blobId, ref, blob.sliver(ref))))
      }
      await store.blobs.advance('7' as never)
    })
  })
  afterEach(() => folder.remove())

  const index = (name = '') => join(folder.path, 'index', name)
  const indexFile = async (kind: RegExp) => {
    const name = (await readdir(index())).find(one => kind.test(one))
    return index(name ?? assert.fail(`no ${kind}`))
  }
  const packs = async () => {
    const entries = await readdir(join(folder.path, 'slivers'), { recursive: true, withFileTypes: true })
    return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  }
  const served = () =>
    within(async store => {
      let count = 0
      for (const { metadata, sliver } of blobs) {
        for (const ref of refs) {
          const bytes = await store.slivers.get(metadata.blobId, ref)
          if (bytes === undefined) continue
          assert.ok(Buffer.from(bytes).equals(sliver(ref)), 'a wrong sliver')
          count++
        }
      }
      return count
    })
  const repair = () => repairNodeStore(folder.path, settings)
  const damaged = { name: 'StoreError', code: 'STORE_DAMAGED', message: /floe up --repair/ }

  const harms: [string, () => Promise<void>][] = [
    ['CURRENT is gone', async () => rm(index('CURRENT'))],
    ['CURRENT is garbage', async () => writeFile(index('CURRENT'), randomBytes(30))],
    ['CURRENT is empty', async () => truncate(index('CURRENT'), 0)],
    ['MANIFEST is gone', async () => rm(await indexFile(/^MANIFEST/))],
    ['MANIFEST is garbage', async () => writeFile(await indexFile(/^MANIFEST/), randomBytes(200))],
    ['MANIFEST is empty', async () => truncate(await indexFile(/^MANIFEST/), 0)],
    ['the whole index is gone', async () => rm(index(), { recursive: true })],
  ]
  for (const [what, harm] of harms) {
    it(`serves all that the packs hold again: ${what}`, async () => {
      await harm()
      await assert.rejects(open(), damaged)
      const report = await repair()
      assert.deepEqual(report, { slivers: blobs.length * refs.length, wrongSlivers: 0, unreadableFiles: 0 })
      assert.equal(await served(), blobs.length * refs.length)
      // what the chain says is read from the beginning
      await within(async store => assert.equal(await store.blobs.cursor(), undefined))
    })
  }

  it('indexes no sliver that its metadata, or its old record, refutes', async () => {
    const [first, second] = await packs()
    for (const path of [first, second]) {
      const bytes = await readFile(path!)
      bytes[bytes.length - 10]! ^= 1
      await writeFile(path!, bytes)
    }
    // of one of them the metadata is gone too
    const owner = blobs.find(({ metadata }) =>
      first!.includes(Buffer.from(metadata.blobId, 'base64url').toString('hex')),
    )!
    await withRecords(folder.path, records =>
      records.commit([{ type: 'del', key: metadataKey(owner.metadata.blobId) }]),
    )
    await rm(await indexFile(/^MANIFEST/))
    const { wrongSlivers, slivers } = await repair()
    assert.equal(wrongSlivers, 2)
    assert.equal(slivers, blobs.length * refs.length - 2)
    assert.equal(await served(), slivers)
  })

  it('leaves files alone that hold nothing readable, and records of files that are gone are no more', async () => {
    const [first, second] = await packs()
    await writeFile(first!, randomBytes(100))
    await rm(second!)
    await rm(index('CURRENT'))
    const { unreadableFiles } = await repair()
    assert.equal(unreadableFiles, 1)
    await readFile(first!)
    assert.equal(await served(), await within(async store => store.usage().slivers))
  })

  it('keeps files that were pending and removes those that nobody needs', async () => {
    const kept = await packs()
    const [name] = kept.map(path => path.split(/[/\\]/).slice(-2).join('/'))
    await withRecords(folder.path, records =>
      records.commit([{ type: 'put', key: `/pending/${name}`, value: new Uint8Array() }]),
    )
    await repair()
    assert.equal(await served(), blobs.length * refs.length)
    assert.deepEqual(await packs(), kept)
  })

  it("begins with a new index when Level's own repair leaves one that cannot be read through", async () => {
    // Level lets pass what its tables' checksums would tell: a key of no kind that it knows
    const level = new ClassicLevel(index(), { compression: false })
    await level.compactRange('/', '0')
    await level.close()
    for (const name of (await readdir(index())).filter(one => one.endsWith('.ldb'))) {
      const bytes = await readFile(index(name))
      const at = bytes.indexOf('schema\x01')
      if (at < 0) continue
      bytes[at + 'schema'.length] = 0x7f
      await writeFile(index(name), bytes)
    }
    await repair()
    const kept = (await readdir(folder.path)).filter(name => name.startsWith('index.'))
    assert.equal(kept.length, 1)
    await within(async store => {
      assert.equal(await store.blobs.cursor(), undefined)
      for (const { metadata } of blobs) await store.metadata.put(metadata)
    })
    assert.ok((await served()) > 0)
  })

  it('is not taken for done when it was cut short', async () => {
    await assert.rejects(
      repairNodeStore(folder.path, { ...settings, signal: AbortSignal.abort(new Error('enough')) }),
      /enough/,
    )
    await assert.rejects(open(), damaged)
    await repair()
    assert.equal(await served(), blobs.length * refs.length)
  })

  it("is not taken for done when it ended after Level's own, before anything was read again", async () => {
    await rm(index('CURRENT'))
    await assert.rejects(repairNodeStore(folder.path, { ...settings, network: `0x${'2'.repeat(64)}` }), {
      code: 'STORE_FOREIGN',
    })
    await assert.rejects(open(), damaged)
    await repair()
    assert.equal(await served(), blobs.length * refs.length)
  })

  it("refuses a store that is open, or another network's", async () => {
    await within(async () => assert.rejects(repair(), { code: 'STORE_LOCKED' }))
    const other = { ...settings, network: `0x${'2'.repeat(64)}` }
    await assert.rejects(repairNodeStore(folder.path, other), { code: 'STORE_FOREIGN' })
  })
})
