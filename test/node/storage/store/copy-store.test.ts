import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import type { SliverRef } from '../../../../codec/types.ts'
import { checkNodeStore } from '../../../../node/storage/store/check/check-store.ts'
import { copyStore } from '../../../../node/storage/store/copy-store.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import { openRecords, type Records } from '../../../../node/storage/store/records.ts'
import { packFilesIn } from '../../../support/pack-accounts.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const N = 10
const settings = { network: '0x1', nShards: N, clock: systemClock, log: silentLog(), inlineBytes: 0 }

describe('a copy of a store', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let codec: Codec
  let blobs: EncodedBlob[]
  let store: NodeStore
  /** between the first record of a copy and the others */
  let meanwhile: (() => Promise<void>) | undefined
  const refs = [0, 4].map(pair => ({ pair, axis: 'primary' }) as SliverRef)
  const at = (...names: string[]) => join(folder.path, ...names)

  before(async () => {
    codec = createCodec({ threads: 0 })
    blobs = await Promise.all([900, 3_000, 1_000].map(size => codec.encode(randomBytes(size), N)))
  })
  after(() => codec.close())
  beforeEach(async () => {
    folder = await temporaryFolder()
    meanwhile = undefined
    store = await openNodeStore({ path: at('store'), ...settings, wrapRecords: pausing })
    for (const blob of blobs.slice(0, 2)) await put(blob)
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  const pausing = (records: Records): Records => ({
    get: key => records.get(key),
    getMany: keys => records.getMany(keys),
    has: key => records.has(key),
    keys: (prefix, range) => records.keys(prefix, range),
    async *list(prefix) {
      for await (const record of records.list(prefix)) {
        yield record
        if (prefix !== '/') continue
        await meanwhile?.()
        meanwhile = undefined
      }
    },
    commit: (operations, options) => records.commit(operations, options),
    close: () => records.close(),
  })
  const put = async ({ metadata, sliver }: EncodedBlob) => {
    await store.metadata.put(metadata)
    await store.slivers.putMany(refs.map(ref => ({ blobId: metadata.blobId, ref, bytes: sliver(ref) })))
  }
  const drop = async ({ metadata: { blobId } }: EncodedBlob) => {
    await store.slivers.delete(blobId)
    await store.metadata.delete(blobId)
  }
  const check = (name: string) => checkNodeStore(at(name), { ...settings, repairs: false, isDeep: true })
  const idOf = (i: number) => blobs[i]!.metadata.blobId

  it('has all that was stored as it began, and nothing else', async () => {
    const before = await packFilesIn(at('store', 'slivers'))
    meanwhile = async () => {
      await put(blobs[2]!)
      for (const blob of blobs.slice(0, 2)) await drop(blob)
      // they are needed still
      const files = await packFilesIn(at('store', 'slivers'))
      assert.deepEqual(
        before.filter(file => !files.includes(file)),
        [],
      )
    }
    const copied = await store.copy(at('copy'))
    assert.deepEqual([copied.slivers, copied.packs], [2 * refs.length, before.length])
    // and now they are not
    const after = await packFilesIn(at('store', 'slivers'))
    assert.deepEqual(
      before.filter(file => after.includes(file)),
      [],
    )
    assert.deepEqual(await packFilesIn(at('copy', 'slivers')), before)
    assert.deepEqual((await check('copy')).found, {})
    const copy = await openNodeStore({ path: at('copy'), ...settings })
    try {
      for (const [i, { sliver }] of blobs.entries()) {
        for (const ref of refs) {
          const bytes = await copy.slivers.get(idOf(i), ref)
          assert.equal(bytes !== undefined && Buffer.from(bytes).equals(sliver(ref)), i < 2)
        }
      }
    } finally {
      await copy.close()
    }
  })

  it('keeps files for each that is being made, and removes what a killed one has kept at the next start', async () => {
    const [one, other] = [store.slivers.holdFiles(), store.slivers.holdFiles()]
    await drop(blobs[0]!)
    const kept = (await packFilesIn(at('store', 'slivers'))).length
    await one()
    await one()
    assert.equal((await packFilesIn(at('store', 'slivers'))).length, kept)
    await other()
    const left = (await packFilesIn(at('store', 'slivers'))).length
    assert.ok(left < kept)
    store.slivers.holdFiles()
    await drop(blobs[1]!)
    assert.equal((await packFilesIn(at('store', 'slivers'))).length, left)
    await store.close()
    store = await openNodeStore({ path: at('store'), ...settings })
    assert.deepEqual(await packFilesIn(at('store', 'slivers')), [])
  })

  it('is one of other files where there are no links between the two, as on another disk', async () => {
    const near = at('near')
    await store.copy(near)
    const records = await openRecords(join(near, 'index'), systemClock)
    let tries = 0
    const linkFile = async () => {
      tries++
      throw Object.assign(new Error('cross-device link not permitted'), { code: 'EXDEV' })
    }
    const told: [number, number][] = []
    const onProgress = (done: number, total: number): void => void told.push([done, total])
    try {
      const from = { path: near, records, clock: systemClock, linkFile }
      const copied = await copyStore(from, at('far'), { onProgress })
      // it is not tried for each
      assert.deepEqual([copied.linked, tries, copied.slivers], [0, 1, 2 * refs.length])
      const { bytes } = copied
      assert.deepEqual([told.length, told.at(-1)], [copied.slivers, [bytes, bytes]])
      assert.ok(told.every(([done, total]) => done <= total && total === bytes))
    } finally {
      await records.close()
    }
    const files = await packFilesIn(join(near, 'slivers'))
    assert.deepEqual(await packFilesIn(at('far', 'slivers')), files)
    for (const file of files) {
      const paths = [join(near, 'slivers', file), at('far', 'slivers', file)]
      const [one, other] = await Promise.all(paths.map(path => stat(path)))
      assert.deepEqual([one!.ino === other!.ino, one!.size], [false, other!.size])
    }
    assert.deepEqual((await check('far')).found, {})
  })

  it('ends when it is told to, and the files that it kept go', async () => {
    const stop = new AbortController()
    meanwhile = async () => {
      await drop(blobs[0]!)
      stop.abort(new DOMException('enough', 'AbortError'))
    }
    const before = await packFilesIn(at('store', 'slivers'))
    await assert.rejects(store.copy(at('copy'), { signal: stop.signal }), { name: 'AbortError' })
    assert.ok((await packFilesIn(at('store', 'slivers'))).length < before.length)
    // it can be begun again elsewhere
    await store.copy(at('again'))
    assert.deepEqual((await check('again')).found, {})
    assert.ok((await readdir(at())).includes('copy'))
  })
})
