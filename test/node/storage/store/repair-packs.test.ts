import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob, pairOfShard } from '../../../../codec/index.ts'
import type { ShardIndex, SliverRef } from '../../../../codec/types.ts'
import { metadataKey } from '../../../../node/storage/store/keys.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import type { Records } from '../../../../node/storage/store/records.ts'
import { repairNodeStore } from '../../../../node/storage/store/repair.ts'
import { expectAgreement, packFilesIn } from '../../../support/pack-accounts.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { withRecords } from '../../../support/with-records.ts'

const N = 10
const network = `0x${'1'.repeat(64)}`
const settings = { network, nShards: N, clock: systemClock, log: silentLog(), inlineBytes: 0 }

describe('the repair of packs of many blobs', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let codec: Codec
  let blobs: EncodedBlob[]
  const shards = [2, 6] as ShardIndex[]
  const refsOf = ({ metadata }: EncodedBlob): SliverRef[] =>
    shards.flatMap(shard =>
      (['primary', 'secondary'] as const).map(axis => ({
        axis,
        pair: pairOfShard(shard, metadata.blobId, N),
      })),
    )
  const slivers = () => join(folder.path, 'slivers')
  const within = async <T>(use: (store: NodeStore, records: Records) => Promise<T>): Promise<T> => {
    let records: Records | undefined
    const wrapRecords = (own: Records) => {
      records = own
      return own
    }
    const store = await openNodeStore({ path: folder.path, ...settings, wrapRecords })
    try {
      return await use(store, records!)
    } finally {
      await store.close()
    }
  }
  /** How many slivers are served, all of them right. */
  const served = () =>
    within(async (store, records) => {
      let count = 0
      for (const blob of blobs) {
        for (const one of refsOf(blob)) {
          const bytes = await store.slivers.get(blob.metadata.blobId, one)
          if (bytes === undefined) continue
          assert.ok(Buffer.from(bytes).equals(blob.sliver(one)), 'a wrong sliver')
          count++
        }
      }
      assert.equal(store.usage().slivers, count)
      return { count, ...(await expectAgreement(records, slivers())) }
    })
  const repair = () => repairNodeStore(folder.path, settings)

  before(async () => {
    codec = createCodec({ threads: 0 })
    blobs = await Promise.all([1, 700, 3_000, 9_000, 40_000].map(size => codec.encode(randomBytes(size), N)))
  })
  after(() => codec.close())
  beforeEach(async () => {
    folder = await temporaryFolder()
    await within(async store => {
      for (const { metadata } of blobs) await store.metadata.put(metadata)
      await store.slivers.putMany(
        blobs.flatMap(blob =>
          refsOf(blob).map(one => ({ blobId: blob.metadata.blobId, ref: one, bytes: blob.sliver(one) })),
        ),
      )
    })
  })
  afterEach(() => folder.remove())
  const all = () => blobs.length * shards.length * 2

  it('makes the records anew from what the packs say, and counts them', async () => {
    await rm(join(folder.path, 'index'), { recursive: true })
    await assert.rejects(
      within(async () => undefined),
      { code: 'STORE_DAMAGED' },
    )
    assert.deepEqual(await repair(), { slivers: all(), wrongSlivers: 0, unreadableFiles: 0 })
    const { count, neededBytes, diskBytes, packs } = await served()
    assert.deepEqual({ count, packs }, { count: all(), packs: shards.length })
    assert.equal(neededBytes, diskBytes)
  })

  it('leaves out what was altered, whether its metadata or its old record says so', async () => {
    const [file] = await packFilesIn(slivers())
    const path = join(slivers(), file!)
    const bytes = await readFile(path)
    bytes[bytes.length - 1]! ^= 1
    bytes[60]! ^= 1
    await writeFile(path, bytes)
    await withRecords(folder.path, records =>
      records.commit([{ type: 'del', key: metadataKey(blobs[0]!.metadata.blobId) }]),
    )
    const { wrongSlivers, slivers: left } = await repair()
    assert.deepEqual([wrongSlivers, left], [2, all() - 2])
    assert.equal((await served()).count, left)
  })

  for (const what of ['with its index', 'without'] as const) {
    it(`finds what lies behind a damaged head, and nothing under it, ${what}`, async () => {
      const [file] = await packFilesIn(slivers())
      const path = join(slivers(), file!)
      const bytes = await readFile(path)
      const second = bytes.indexOf('FLSV', 1)
      bytes[second + 10]! ^= 1
      await writeFile(path, bytes)
      if (what === 'without') await rm(join(folder.path, 'index'), { recursive: true })
      const { slivers: left, wrongSlivers } = await repair()
      assert.deepEqual([left, wrongSlivers], [all() - 1, 0])
      assert.equal((await served()).count, left)
    })
  }

  it('takes what a cut-off pack still holds', async () => {
    const [file] = await packFilesIn(slivers())
    const path = join(slivers(), file!)
    await truncate(path, (await readFile(path)).length - 1)
    assert.equal((await repair()).slivers, all() - 1)
    assert.equal((await served()).count, all() - 1)
  })
})
