import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../../../base/log.ts'
import { pairOfShard } from '../../../../codec/index.ts'
import type { BlobId, ShardIndex } from '../../../../codec/types.ts'
import type { DamagedSliver } from '../../../../node/storage/store/file-sliver-store.ts'
import { packKey } from '../../../../node/storage/store/keys.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import { FRAME_HEAD_BYTES } from '../../../../node/storage/store/pack-frame.ts'
import { blobOfPack, shardOfPack } from '../../../../node/storage/store/pack-name.ts'
import type { ScrubbedFile } from '../../../../node/storage/store/shard-slivers.ts'
import { packFilesIn } from '../../../support/pack-accounts.ts'
import { anyBlobId, ref } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const N = 10
const SHARD = 3 as ShardIndex
const SIZE = 300
const never = new AbortController().signal

describe('a look at all stored slivers', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let store: NodeStore
  let damaged: DamagedSliver[]
  let read: number[]
  /** looks at the index that are not over */
  let looks: number
  /** what happens while a record is read */
  let afterGet: (key: string) => Promise<void>
  /** of blobs that have a pack of their own */
  let single: BlobId[]
  /** of those that share one */
  let shared: BlobId[]
  const files = { path: '' }

  const open = async () => {
    damaged = []
    afterGet = async () => undefined
    store = await openNodeStore({
      path: folder.path,
      network: `0x${'1'.repeat(64)}`,
      nShards: N,
      inlineBytes: 0,
      clock: new VirtualClock(),
      log: silentLog(),
      onDamaged: one => damaged.push(one),
      wrapRecords: own => ({
        get: async key => {
          const value = await own.get(key)
          await afterGet(key)
          return value
        },
        getMany: keys => own.getMany(keys),
        has: key => own.has(key),
        list: prefix => own.list(prefix),
        async *keys(prefix, range) {
          looks++
          try {
            yield* own.keys(prefix, range)
          } finally {
            looks--
          }
        },
        commit: (operations, how) => own.commit(operations, how),
        close: () => own.close(),
      }),
    })
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    files.path = join(folder.path, 'slivers')
    looks = 0
    await open()
    read = []
    single = [anyBlobId(), anyBlobId()]
    shared = [anyBlobId(), anyBlobId(), anyBlobId()]
    for (const blobId of single)
      await Promise.all([0, 1].map(pair => store.slivers.put(blobId, ref(pair), randomBytes(SIZE))))
    await store.slivers.putMany(
      shared.map(blobId => ({
        blobId,
        ref: ref(pairOfShard(SHARD, blobId, N)),
        bytes: randomBytes(SIZE),
      })),
    )
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  const options = {
    pace: async (bytes: number) => void read.push(bytes),
    signal: never,
  }
  const scrub = async (after?: string) => {
    const found: ScrubbedFile[] = []
    for await (const one of store.slivers.scrub({ ...options, after })) found.push(one)
    return found
  }
  const untold = async (names: readonly string[]) => {
    const found: ScrubbedFile[] = []
    for await (const one of store.slivers.scrubUntold(new Set(names), options)) found.push(one)
    return found
  }
  const packs = () => packFilesIn(files.path)
  const packOf = async (blobId: BlobId) => (await packs()).find(file => blobOfPack(file) === blobId)!
  const sharedPack = async () => (await packs()).find(file => shardOfPack(file) === SHARD)!
  const flip = async (file: string, at: number) => {
    const path = join(files.path, file)
    const bytes = await readFile(path)
    bytes[at]! ^= 1
    await writeFile(path, bytes)
  }
  const right = (file: string, slivers: number): ScrubbedFile => ({
    file,
    slivers,
    bytes: slivers * SIZE,
    bad: 0,
    untold: false,
  })

  it('goes through them pack by pack, each sliver once, and goes on behind a pack', async () => {
    const all = (await packs()).toSorted()
    const found = await scrub()
    assert.deepEqual(
      found,
      all.map(file => right(file, shardOfPack(file) === SHARD ? 3 : 2)),
    )
    assert.deepEqual(read, Array(7).fill(SIZE))
    assert.deepEqual(await scrub(all[0]), found.slice(1))
    assert.deepEqual(await scrub(all.at(-1)), [])
    assert.deepEqual(damaged, [])
  })

  it('finds a flipped bit in a pack of one blob and of many, and nothing else', async () => {
    const [of, shared0] = [await packOf(single[0]!), await sharedPack()]
    await flip(of, SIZE + 7)
    await flip(shared0, 2 * FRAME_HEAD_BYTES + SIZE + 9)
    const bad = (await scrub()).filter(one => one.bad > 0)
    assert.deepEqual(
      bad.map(({ file, bad, untold }) => [file, bad, untold]),
      [of, shared0].toSorted().map(file => [file, 1, false]),
    )
    assert.equal(damaged.length, 2)
    for (const one of damaged) assert.equal(await store.slivers.get(one.blobId, one.ref), undefined)
    // until somebody has looked what is missing of them, also after a stop
    const blobs = damaged.map(({ blobId }) => blobId)
    await store.close()
    await open()
    assert.deepEqual((await store.node.damaged({ limit: 9 })).toSorted(), blobs.toSorted())
    assert.deepEqual(
      (await scrub()).map(one => one.bad),
      [0, 0, 0],
    )
    for (const blobId of single) assert.equal((await store.slivers.list(blobId)).length >= 1, true)
  })

  it('finds slivers in a pack that was cut, or is gone', async () => {
    const [one, other] = [await packOf(single[0]!), await packOf(single[1]!)]
    await truncate(join(files.path, one), SIZE + 1)
    await rm(join(files.path, other))
    const bad = new Map((await scrub()).map(({ file, bad }) => [file, bad]))
    assert.deepEqual([bad.get(one), bad.get(other), bad.get(await sharedPack())], [1, 2, 0])
  })

  it('takes for lost what the disk cannot read, and goes on behind it', async () => {
    const [one, many] = [await packOf(single[0]!), await sharedPack()]
    for (const file of [one, many]) {
      await rm(join(files.path, file))
      // at its beginning no memory is mapped: EIO, as of a bad sector
      await symlink('/proc/self/mem', join(files.path, file))
    }
    const found = new Map((await scrub()).map(({ file, bad, untold }) => [file, { bad, untold }]))
    assert.deepEqual(found.get(one), { bad: 2, untold: false })
    assert.deepEqual(found.get(await packOf(single[1]!)), { bad: 0, untold: false })
    assert.deepEqual(found.get(many), { bad: 0, untold: true })
    assert.deepEqual(await untold([many]), [{ ...right(many, 3), bad: 3 }])
    assert.equal(damaged.length, 5)
  })

  it('a sliver that the disk cannot read is damaged for who wants it, too', async () => {
    const file = await packOf(single[0]!)
    await rm(join(files.path, file))
    await symlink('/proc/self/mem', join(files.path, file))
    assert.equal(await store.slivers.get(single[0]!, ref(0)), undefined)
    assert.deepEqual(
      damaged.map(({ blobId }) => blobId),
      [single[0]],
    )
  })

  it('holds no look at the index open while it waits for its turn', async () => {
    const open: number[] = []
    for await (const _ of store.slivers.scrub({ ...options, pace: async () => void open.push(looks) }));
    assert.deepEqual(open, Array(7).fill(0))
  })

  it('tells of a pack that does not tell what is in it, which all records do', async () => {
    const file = await sharedPack()
    await flip(file, 4)
    const told = (await scrub()).find(one => one.file === file)!
    assert.deepEqual(told, { ...right(file, 2), untold: true })
    assert.deepEqual(await untold([file]), [right(file, 3)])
    await rm(join(files.path, file))
    assert.deepEqual(await scrub(), [
      ...(await packs()).toSorted().map(one => right(one, 2)),
      { ...right(file, 0), untold: true },
    ])
    assert.deepEqual(await untold([file]), [{ ...right(file, 3), bad: 3 }])
    assert.deepEqual(await untold([file]), [])
  })

  it('does not take for damage what is replaced while it is looked at', async () => {
    const [first] = (await packs()).toSorted()
    const blobId = blobOfPack(first!)!
    await flip(first!, 1)
    const bytes = randomBytes(SIZE)
    const pace = async () => {
      for (const pair of [0, 1]) await store.slivers.put(blobId, ref(pair), bytes)
    }
    let found: ScrubbedFile | undefined
    for await (const one of store.slivers.scrub({ pace, signal: never })) found ??= one
    assert.deepEqual(found, right(first!, 2))
    assert.deepEqual(damaged, [])
    assert.deepEqual(Buffer.from((await store.slivers.get(blobId, ref(0)))!), bytes)
  })

  it('does not miss in a pack what is dropped while it is looked at', async () => {
    const file = await packOf(single[0]!)
    afterGet = async key => {
      if (key !== packKey(file)) return
      afterGet = async () => undefined
      await store.slivers.delete(single[0]!)
    }
    assert.deepEqual(
      (await scrub()).find(one => one.file === file),
      right(file, 0),
    )
  })

  it('ends with the signal', async () => {
    const stop = new AbortController()
    const all = store.slivers.scrub({
      signal: stop.signal,
      pace: async () => stop.abort(new Error('over')),
    })
    await assert.rejects(async () => {
      for await (const _ of all);
    }, /over/)
  })
})
