import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../../../base/log.ts'
import { pairOfShard } from '../../../../codec/index.ts'
import type { BlobId, ShardIndex } from '../../../../codec/types.ts'
import type { DamagedSliver } from '../../../../node/storage/store/file-sliver-store.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import type { writePack } from '../../../../node/storage/store/pack-file.ts'
import { shardOfPack } from '../../../../node/storage/store/pack-name.ts'
import type { Records } from '../../../../node/storage/store/records.ts'
import { expectAgreement, packFilesIn } from '../../../support/pack-accounts.ts'
import { anyBlobId, ref } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const N = 10
const network = `0x${'1'.repeat(64)}`
const SHARD = 3 as ShardIndex

describe('sparse packs', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let store: NodeStore
  let records: Records
  let clock: VirtualClock
  let damaged: DamagedSliver[]
  /** stands before the writing of files */
  let write: ((own: typeof writePack) => typeof writePack) | undefined
  /** waits for what the log says next */
  let said: (message: string) => Promise<void>

  const path = () => join(folder.path, 'slivers')
  const open = async () => {
    damaged = []
    clock = new VirtualClock()
    const waiting: { message: string; resolve(): void }[] = []
    said = message => new Promise(resolve => waiting.push({ message, resolve }))
    const say = (_: object, message: string) => {
      for (const one of waiting) if (message.includes(one.message)) one.resolve()
    }
    store = await openNodeStore({
      path: folder.path,
      network,
      nShards: N,
      inlineBytes: 0,
      clock,
      log: { ...silentLog(), debug: say, warn: say },
      onDamaged: one => damaged.push(one),
      wrapRecords: own => {
        records = own
        return own
      },
      wrapWrite:
        own =>
        (...args) =>
          (write?.(own) ?? own)(...args),
    })
  }
  const rewritten = async () => {
    await clock.advanceUntil(said('rewrote'), 10_000)
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    write = undefined
    await open()
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  const blobs = (count: number) => Array.from({ length: count }, anyBlobId)
  /** The shard's pair of each blob, in one pack. */
  const putMany = async (of: readonly BlobId[], size = 500) => {
    const slivers = of.flatMap(blobId =>
      (['primary', 'secondary'] as const).map(axis => ({
        blobId,
        ref: ref(pairOfShard(SHARD, blobId, N), axis),
        bytes: randomBytes(size),
      })),
    )
    await store.slivers.putMany(slivers)
    return slivers
  }
  const expectStored = async (slivers: Awaited<ReturnType<typeof putMany>>) => {
    for (const { blobId, ref, bytes } of slivers) {
      const found = await store.slivers.get(blobId, ref)
      assert.ok(found && Buffer.from(found).equals(bytes))
    }
  }

  it('are rewritten a while after most of them has become needless, and not before', async () => {
    const all = blobs(10)
    const slivers = await putMany(all)
    const [before] = await packFilesIn(path())
    for (const blob of all.slice(0, 5)) await store.slivers.delete(blob)
    await clock.advance(60_000)
    assert.deepEqual(await packFilesIn(path()), [before])
    await store.slivers.delete(all[5]!)
    const { sparse, diskBytes } = await expectAgreement(records, path())
    assert.equal(sparse, 1)
    await rewritten()
    const after = await expectAgreement(records, path())
    assert.deepEqual(after, { neededBytes: 8 * 548, diskBytes: 8 * 548, packs: 1, sparse: 0 })
    assert.equal(diskBytes, 20 * 548)
    assert.equal(shardOfPack((await packFilesIn(path()))[0]!), SHARD)
    await expectStored(slivers.slice(12))
    assert.deepEqual(damaged, [])
  })

  it('of one shard become one pack, those of a blob one of that blob', async () => {
    const kept = []
    const blob = anyBlobId()
    for (let i = 0; i < 3; i++) {
      const some = blobs(3)
      kept.push(...(await putMany(some)).slice(4))
      for (const one of some.slice(0, 2)) await store.slivers.delete(one)
      await Promise.all([0, 1, 2].map(pair => store.slivers.put(blob, ref(pair), randomBytes(100))))
      const bytes = randomBytes(90)
      await Promise.all([0, 1].map(pair => store.slivers.put(blob, ref(pair), bytes)))
    }
    const before = await expectAgreement(records, path())
    assert.ok(before.sparse >= 4, String(before.sparse))
    await rewritten()
    for (let round = 0; (await expectAgreement(records, path())).sparse > 0; round++) {
      assert.ok(round < 5)
      await rewritten()
    }
    const files = await packFilesIn(path())
    assert.equal(files.filter(file => shardOfPack(file) === SHARD).length, 1)
    await expectStored(kept)
    assert.equal((await store.slivers.list(blob)).length, 3)
  })

  it('are rewritten by the next run when this one ends before', async () => {
    const all = blobs(3)
    const slivers = await putMany(all)
    for (const blob of all.slice(0, 2)) await store.slivers.delete(blob)
    await clock.advance(9_999)
    await store.close()
    await open()
    assert.equal((await expectAgreement(records, path())).sparse, 1)
    await rewritten()
    assert.deepEqual(await expectAgreement(records, path()), {
      neededBytes: 2 * 548,
      diskBytes: 2 * 548,
      packs: 1,
      sparse: 0,
    })
    await expectStored(slivers.slice(4))
  })

  it('may be read from while they are rewritten, however large the sliver', async () => {
    const all = blobs(4)
    const slivers = await putMany(all, 3_000_000)
    const { blobId, ref: last, bytes } = slivers.at(-1)!
    const open = await store.slivers.open(blobId, last)
    assert.ok(Buffer.from((await open?.read(0, 1_000)) ?? []).equals(bytes.subarray(0, 1_000)))
    for (const blob of all.slice(0, 3)) await store.slivers.delete(blob)
    await rewritten()
    const rest = await open?.read(1_000, 2_999_000)
    assert.ok(rest && Buffer.from(rest).equals(bytes.subarray(1_000)))
    await store.slivers.delete(blobId)
    assert.equal(await open?.read(0, 1), undefined)
  })

  it('give nothing back that was deleted or replaced while they are rewritten', async () => {
    const all = blobs(6)
    const slivers = await putMany(all)
    for (const blob of all.slice(0, 4)) await store.slivers.delete(blob)
    const newer = randomBytes(30)
    const { blobId, ref: replaced } = slivers.at(-1)!
    write =
      own =>
      async (...args) => {
        write = undefined
        await own(...args)
        await store.slivers.delete(all[4]!)
        await store.slivers.put(blobId, replaced, newer)
      }
    await rewritten()
    assert.deepEqual(await store.slivers.list(all[4]!), [])
    assert.deepEqual(Buffer.from((await store.slivers.get(blobId, replaced)) ?? []), newer)
    await expectStored(slivers.slice(10, 11))
    await expectAgreement(records, path())
  })

  it('lose what is damaged in them, which is told, and nothing else', async () => {
    const all = blobs(5)
    const slivers = await putMany(all)
    for (const blob of all.slice(0, 3)) await store.slivers.delete(blob)
    const [file] = await packFilesIn(path())
    const bytes = await readFile(join(path(), file!))
    bytes[bytes.indexOf(slivers.at(-1)!.bytes)]! ^= 1
    await writeFile(join(path(), file!), bytes)
    await rewritten()
    assert.deepEqual(
      damaged.map(({ blobId, ref }) => ({ blobId, ref })),
      [slivers.at(-1)!].map(({ blobId, ref }) => ({ blobId, ref })),
    )
    await expectStored(slivers.slice(6, 9))
    assert.equal((await expectAgreement(records, path())).neededBytes, 3 * 548)
  })

  it('stay when they do not tell of a sliver that is needed, and are not tried again and again', async () => {
    const all = blobs(5)
    const slivers = await putMany(all)
    for (const blob of all.slice(0, 3)) await store.slivers.delete(blob)
    const [file] = await packFilesIn(path())
    const bytes = await readFile(join(path(), file!))
    bytes[bytes.indexOf(slivers.at(-1)!.bytes) - 20]! ^= 1
    await writeFile(join(path(), file!), bytes)
    await rewritten()
    await expectStored(slivers.slice(6))
    assert.equal((await expectAgreement(records, path())).packs, 2)
    // only the new one is left to be noticed
    let writes = 0
    write =
      own =>
      (...args) => {
        writes++
        return own(...args)
      }
    const more = await putMany(blobs(2))
    await store.slivers.delete(more[0]!.blobId)
    await clock.advance(600_000)
    await store.close()
    assert.equal(writes, 1)
    await open()
  })

  it('are tried again when the disk had no room', async () => {
    const all = blobs(3)
    const slivers = await putMany(all)
    for (const blob of all.slice(0, 2)) await store.slivers.delete(blob)
    write = () => () => Promise.reject(Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' }))
    await clock.advanceUntil(said('not rewritten'), 10_000)
    await expectStored(slivers.slice(4))
    write = undefined
    await rewritten()
    await expectStored(slivers.slice(4))
    assert.equal((await packFilesIn(path())).length, 1)
    assert.ok(shardOfPack((await packFilesIn(path()))[0]!) === SHARD)
  })
})
