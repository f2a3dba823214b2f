import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFile, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob, shardOfPair } from '../../../../codec/index.ts'
import type { BlobId, SliverRef } from '../../../../codec/types.ts'
import { checkNodeStore } from '../../../../node/storage/store/check/check-store.ts'
import type { CheckReport, Finding } from '../../../../node/storage/store/check/report.ts'
import {
  metadataKey,
  packKey,
  SCHEMA_KEY,
  sliverKey,
  USAGE_TOTAL_KEY,
} from '../../../../node/storage/store/keys.ts'
import { parseLocation } from '../../../../node/storage/store/locations.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import { sha256Hex } from '../../../../node/storage/store/pack-file.ts'
import { FRAME_HEAD_BYTES } from '../../../../node/storage/store/pack-frame.ts'
import { encodeJson } from '../../../../node/storage/store/records.ts'
import { startCluster } from '../../../support/cluster.ts'
import { packFilesIn } from '../../../support/pack-accounts.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { withRecords } from '../../../support/with-records.ts'

const N = 10
const network = `0x${'1'.repeat(64)}`
const settings = { network, nShards: N, clock: systemClock, log: silentLog(), inlineBytes: 0 }
const PLAIN = { repairs: false, isDeep: false }

describe('the check of a store', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let codec: Codec
  /** the first two in packs of their own, the others in packs of shards */
  let blobs: EncodedBlob[]
  const refs = [0, 4].flatMap(pair =>
    (['primary', 'secondary'] as const).map(axis => ({ pair, axis }) as SliverRef),
  )
  const first = refs[0]!
  const idOf = (i: number) => blobs[i]!.metadata.blobId

  before(async () => {
    codec = createCodec({ threads: 0 })
    blobs = await Promise.all([900, 3_000, 1_000, 5_000].map(size => codec.encode(randomBytes(size), N)))
  })
  after(() => codec.close())

  const within = async <T>(use: (store: NodeStore) => Promise<T>): Promise<T> => {
    const store = await openNodeStore({ path: folder.path, ...settings })
    try {
      return await use(store)
    } finally {
      await store.close()
    }
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    await within(async ({ metadata, slivers }) => {
      for (const blob of blobs) await metadata.put(blob.metadata)
      for (const { metadata, sliver } of blobs.slice(0, 2))
        await Promise.all(refs.map(ref => slivers.put(metadata.blobId, ref, sliver(ref))))
      await slivers.putMany(
        blobs
          .slice(2)
          .flatMap(({ metadata: { blobId }, sliver }) =>
            refs.map(ref => ({ blobId, ref, bytes: sliver(ref) })),
          ),
      )
    })
  })
  afterEach(() => folder.remove())

  const check = (options = PLAIN) => checkNodeStore(folder.path, { ...settings, ...options })
  const repair = () => check({ ...PLAIN, repairs: true })
  const countsOf = ({ found }: CheckReport) =>
    Object.fromEntries(Object.entries(found).map(([kind, { count }]) => [kind, count]))
  const slivers = (name = '') => join(folder.path, 'slivers', name)
  const locate = (i: number, ref = first) =>
    withRecords(folder.path, async records => parseLocation((await records.get(sliverKey(idOf(i), ref)))!)!)
  const commit = (key: string, value?: Uint8Array) =>
    withRecords(folder.path, records =>
      records.commit([value === undefined ? { type: 'del', key } : { type: 'put', key, value }]),
    )
  const flip = async (file: string, at: number) => {
    const bytes = await readFile(slivers(file))
    bytes[at]! ^= 1
    await writeFile(slivers(file), bytes)
  }
  const dump = () =>
    withRecords(folder.path, async records => {
      const all: [string, string][] = []
      for await (const { key, value } of records.list('/'))
        all.push([key, Buffer.from(value).toString('hex')])
      return all
    })
  const nameOf = (i: number, { axis, pair } = first) => `${idOf(i)} ${axis} ${pair}`
  /** Slivers that are served; a wrong one is none. */
  const served = () =>
    within(async store => {
      let count = 0
      for (const { metadata, sliver } of blobs) {
        for (const ref of refs) {
          const bytes = await store.slivers.get(metadata.blobId, ref)
          if (bytes !== undefined && Buffer.from(bytes).equals(sliver(ref))) count++
        }
      }
      return count
    })
  const all = () => blobs.length * refs.length

  it('finds nothing in one that is right, and counts it', async () => {
    const before = await dump()
    let read = 0
    const report = await checkNodeStore(folder.path, {
      ...settings,
      repairs: false,
      isDeep: true,
      onProgress({ doneBytes, totalBytes }) {
        assert.ok(doneBytes > read && doneBytes <= totalBytes)
        read = doneBytes
      },
    })
    const bytes = blobs.flatMap(({ sliver }) => refs.map(ref => sliver(ref).length)).reduce((a, b) => a + b)
    assert.deepEqual(report, {
      slivers: all(),
      bytes,
      packs: (await packFilesIn(slivers())).length,
      found: {},
      isMended: true,
    })
    assert.equal(read, bytes)
    assert.deepEqual(await dump(), before)
    assert.deepEqual((await repair()).found, {})
    assert.deepEqual(await dump(), before)
  })

  interface Harm {
    what: string
    harm: () => Promise<unknown>
    found: Partial<Record<Finding, number>>
    names?: () => string[]
    /** slivers that are lost by it, and of which blob they are missing */
    lost: number
    missingOf?: () => BlobId
    isDeep?: boolean
  }
  const harms: Harm[] = [
    ...[0, 2].map(
      (i): Harm => ({
        what: `a byte of a sliver is another one, in a pack of ${i === 0 ? 'one blob' : 'a shard'}`,
        harm: async () => {
          const { file, offset } = await locate(i)
          await flip(file, offset + 3)
        },
        found: { altered: 1 },
        names: () => [nameOf(i)],
        lost: 1,
        missingOf: () => idOf(i),
      }),
    ),
    {
      what: 'a file is gone',
      harm: async () => rm(slivers((await locate(1)).file)),
      found: { lost: refs.length },
      names: () => refs.map(ref => nameOf(1, ref)),
      lost: refs.length,
      missingOf: () => idOf(1),
    },
    {
      what: 'a file is cut off within a sliver',
      harm: async () => {
        const { file, offset } = await locate(3, refs[1])
        await truncate(slivers(file), offset + 5)
      },
      found: { lost: 1 },
      names: () => [nameOf(3, refs[1])],
      lost: 1,
      missingOf: () => idOf(3),
    },
    {
      what: 'a record cannot be read',
      harm: () => commit(sliverKey(idOf(0), first), Buffer.from('nonsense')),
      found: { record: 1, count: 1, usage: 1 },
      lost: 1,
      missingOf: () => idOf(0),
    },
    {
      what: 'a record tells of half a sliver',
      harm: async () => {
        const whole = await locate(1)
        const length = whole.length >> 1
        const half = (await readFile(slivers(whole.file))).subarray(whole.offset, whole.offset + length)
        const record = encodeJson({ ...whole, length, sha256: await sha256Hex(half) })
        await commit(sliverKey(idOf(1), first), record)
      },
      found: { refuted: 1, count: 1, usage: 1 },
      lost: 1,
      missingOf: () => idOf(1),
    },
    {
      what: 'records of two slivers are mixed up',
      harm: async () => {
        const [a, b] = [await locate(1, refs[0]), await locate(1, refs[2])]
        await commit(sliverKey(idOf(1), refs[0]!), encodeJson(b))
        await commit(sliverKey(idOf(1), refs[2]!), encodeJson(a))
      },
      found: { refuted: 2 },
      lost: 2,
      missingOf: () => idOf(1),
      isDeep: true,
    },
    {
      what: 'metadata are gone',
      harm: () => commit(metadataKey(idOf(2))),
      found: { metadata: 1, usage: 1 },
      lost: 0,
      missingOf: () => idOf(2),
    },
    {
      what: "metadata are another blob's",
      harm: () =>
        withRecords(folder.path, async records => {
          const value = await records.get(metadataKey(idOf(0)))
          await records.commit([{ type: 'put', key: metadataKey(idOf(1)), value: value! }])
        }),
      found: { metadata: 1 },
      names: () => [idOf(1)],
      lost: 0,
      missingOf: () => idOf(1),
    },
    {
      what: 'a pack is counted wrongly',
      harm: async () => {
        const { file } = await locate(0)
        // with what this says, it would go with the first sliver that is dropped
        await commit(packKey(file), encodeJson({ slivers: 1, bytes: 1, writtenBytes: 1 }))
        await flip(file, (await locate(0)).offset)
      },
      found: { count: 1, altered: 1 },
      lost: 1,
    },
    {
      what: 'a pack is counted that holds nothing, and one is not counted',
      harm: async () => {
        await commit(packKey('00/nothing'), encodeJson({ slivers: 1, bytes: 1, writtenBytes: 1 }))
        await commit(packKey((await locate(2)).file))
      },
      found: { count: 2 },
      lost: 0,
    },
    {
      what: 'the totals are wrong',
      harm: () => commit(USAGE_TOTAL_KEY, encodeJson({ blobs: 1, slivers: 1, bytes: 1 })),
      found: { usage: 1 },
      lost: 0,
    },
    {
      what: 'no record knows a file',
      harm: async () => {
        const { file } = await locate(0)
        await copyFile(slivers(file), slivers(`${file}0`))
        await writeFile(slivers(`${file}.strange`), 'what is this')
      },
      found: { stray: 2 },
      lost: 0,
    },
    {
      what: 'no record knows a file of which slivers are lacking',
      harm: async () => {
        const { file } = await locate(1)
        await withRecords(folder.path, async records => {
          const keys = [packKey(file), ...refs.map(ref => sliverKey(idOf(1), ref))]
          await records.commit(keys.map(key => ({ type: 'del', key })))
        })
      },
      found: { stray: 1, usage: 1 },
      lost: 0,
    },
    {
      what: 'the head before a sliver is damaged, the sliver is not',
      harm: async () => {
        const { file, offset } = await locate(2)
        await flip(file, offset - FRAME_HEAD_BYTES + 2)
      },
      found: {},
      lost: 0,
    },
    {
      what: 'the head before a sliver is damaged, and the sliver too',
      harm: async () => {
        const { file, offset } = await locate(2)
        await flip(file, offset - FRAME_HEAD_BYTES + 2)
        await flip(file, offset + 2)
      },
      found: { altered: 1 },
      lost: 1,
      missingOf: () => idOf(2),
    },
  ]
  for (const { what, harm, found, names, lost, missingOf, isDeep = false } of harms) {
    it(`finds and mends: ${what}`, async () => {
      await harm()
      const before = await dump()
      const report = await check({ repairs: false, isDeep })
      assert.deepEqual(countsOf(report), found)
      assert.equal(report.isMended, Object.keys(found).length === 0)
      const [kind] = Object.keys(found) as Finding[]
      if (names !== undefined) assert.deepEqual(report.found[kind!]?.names.toSorted(), names().toSorted())
      assert.deepEqual(await dump(), before)
      assert.deepEqual(countsOf(await check({ repairs: true, isDeep })), found)
      // those are got from others
      const left = found.metadata === undefined ? {} : { metadata: 1 }
      assert.deepEqual(countsOf(await check({ repairs: false, isDeep: true })), left)
      assert.equal(await served(), all() - lost)
      if (missingOf === undefined) return
      const blobId = missingOf()
      const note = await within(store => store.node.missingOf(blobId))
      assert.equal(note?.reason, 'damaged')
      const pairs = new Set(lost > 1 || lost === 0 ? refs.map(({ pair }) => pair) : [first.pair])
      assert.deepEqual(
        note?.shards.toSorted(),
        [...pairs].map(pair => shardOfPair(pair, blobId, N)).toSorted(),
      )
      assert.deepEqual((await within(store => store.node.missingCounts())).reasons, { damaged: 1 })
    })
  }

  it('makes an index anew that cannot be opened, when it is to repair', async () => {
    await rm(join(folder.path, 'index', 'CURRENT'))
    await assert.rejects(check(), { code: 'STORE_DAMAGED', message: /floe node check --repair/ })
    assert.deepEqual(countsOf(await repair()), { index: 1 })
    assert.deepEqual((await check()).found, {})
    assert.equal(await served(), all())
  })

  it('is refused while a node runs, and for stores of others and of other versions', async () => {
    await within(() => assert.rejects(check(), { code: 'STORE_LOCKED' }))
    const foreign = checkNodeStore(folder.path, { ...settings, ...PLAIN, network: '0x2' })
    await assert.rejects(foreign, { code: 'STORE_FOREIGN' })
    await commit(SCHEMA_KEY, encodeJson({ schemaVersion: 4, network }))
    await assert.rejects(check(), { code: 'STORE_OLDER' })
    assert.deepEqual((await repair()).found, {})
    assert.deepEqual((await check()).found, {})
    await commit(SCHEMA_KEY, encodeJson({ schemaVersion: 99, network }))
    await assert.rejects(repair(), { code: 'STORE_NEWER' })
  })

  it('finds nothing where nothing was ever stored, and ends when it is told to', async () => {
    const path = join(folder.path, 'none')
    assert.equal((await checkNodeStore(path, { ...settings, ...PLAIN })).packs, 0)
    const signal = AbortSignal.abort(new DOMException('enough', 'AbortError'))
    await assert.rejects(checkNodeStore(folder.path, { ...settings, ...PLAIN, signal }), {
      name: 'AbortError',
    })
    assert.deepEqual((await check()).found, {})
  })

  it('lets a node get back from others what it dropped', async function () {
    this.timeout(60_000)
    const cluster = await startCluster()
    try {
      const { blobId } = await cluster.client.store(randomBytes(20_000), { epochs: 1, deletable: true })
      const other = await cluster.client.store(randomBytes(3_000), { epochs: 1, deletable: true })
      // the client ends with a quorum, of which this node need not be: only what it has heard of is missing
      const has = async () => {
        const { blobs, upkeep } = cluster.nodes[0]!
        for (const id of [blobId, other.blobId])
          if (!(await blobs.get(id))?.registrations.some(({ certified }) => certified)) return false
        return Object.keys((await upkeep()).missing).length === 0
      }
      const path = cluster.storePath(0)
      const settle = async () => {
        const deadline = performance.now() + 20_000
        while (!(await has())) assert.ok(performance.now() < deadline, 'it stays missing')
      }
      await settle()
      await cluster.stop(0)
      const { file } = await withRecords(path, async records => {
        await records.commit([{ type: 'del', key: metadataKey(other.blobId) }])
        return parseLocation((await firstOf(records.list(`/sliver/${hexOf(blobId)}`))).value)!
      })
      await rm(join(path, 'slivers', file))
      const own = { ...settings, network: cluster.chain.network.systemObjectId, nShards: 10 }
      const { found } = await checkNodeStore(path, { ...own, repairs: true, isDeep: true })
      assert.deepEqual(Object.keys(found).toSorted(), ['lost', 'metadata', 'usage'])
      await cluster.start(0)
      await settle()
      await cluster.stop(0)
      const after = await checkNodeStore(path, { ...own, repairs: false, isDeep: true })
      assert.deepEqual([after.found, after.slivers > 0], [{}, true])
    } finally {
      await cluster.close()
    }
  })
})

const hexOf = (blobId: BlobId): string => Buffer.from(blobId, 'base64url').toString('hex')

async function firstOf<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item
  assert.fail('there is none')
}
