import assert from 'node:assert/strict'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { createCodec, encodeMetadata } from '../../../../codec/index.ts'
import type { BlobId, Epoch } from '../../../../codec/types.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import { blobKey, endingKey, metadataKey, sliverKey } from '../../../../node/storage/store/keys.ts'
import { openNodeStore } from '../../../../node/storage/store/node-store.ts'
import { decodeJson, encodeJson, openRecords, type Records } from '../../../../node/storage/store/records.ts'
import { checkSchema, type Migration, SCHEMA_VERSION } from '../../../../node/storage/store/schema.ts'
import { openUsage } from '../../../../node/storage/store/usage-counter.ts'
import { anyBlobId, ref } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const network = `0x${'1'.repeat(64)}`

describe('store schema', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let records: Records
  beforeEach(async () => {
    folder = await temporaryFolder()
    records = await openRecords(folder.path, systemClock)
  })
  afterEach(async () => {
    await records.close()
    await folder.remove()
  })
  const check = (options: Partial<Parameters<typeof checkSchema>[1]> = {}) =>
    checkSchema(records, { path: 'here', network, ...options })

  it('marks an empty store and knows it again', async () => {
    await check()
    await check()
  })

  it('refuses a later version', async () => {
    await check({ version: SCHEMA_VERSION + 1, migrations: [] })
    await assert.rejects(check(), {
      name: 'StoreError',
      code: 'STORE_NEWER',
      details: { path: 'here', storeVersion: SCHEMA_VERSION + 1, supportedVersion: SCHEMA_VERSION },
    })
  })

  it("refuses another network's store", async () => {
    await check()
    await assert.rejects(check({ network: '0x2' }), { code: 'STORE_FOREIGN' })
  })

  it('refuses a store without a readable first record', async () => {
    await records.commit([{ type: 'put', key: '/schema', value: Uint8Array.of(1) }])
    await assert.rejects(check(), { code: 'STORE_DAMAGED' })
    await records.commit([
      { type: 'del', key: '/schema' },
      { type: 'put', key: '/blob/00', value: Uint8Array.of(1) },
    ])
    await assert.rejects(check(), { code: 'STORE_DAMAGED' })
  })

  it('migrates step by step, and says when no step is known', async () => {
    await check({ version: 1 })
    const ran: number[] = []
    const step = (from: number): Migration => ({
      from,
      describe: 'test',
      async *run() {
        ran.push(from)
        yield { type: 'put', key: `/step/${from}`, value: encodeJson(from) }
      },
    })
    await assert.rejects(check({ version: 3, migrations: [step(2)] }), { code: 'STORE_UNSUPPORTED' })
    await check({ version: 3, migrations: [step(1), step(2)] })
    assert.deepEqual(ran, [1, 2])
    assert.equal(decodeJson((await records.get('/step/2')) ?? new Uint8Array()), 2)
    await check({ version: 3, migrations: [] })
  })

  for (const version of [1, 2]) {
    it(`notes in a store of version ${version} when its blobs end, once each, and counts what it holds`, async () => {
      await check({ version })
      const [ended, living, deleted, invalid] = [anyBlobId(), anyBlobId(), anyBlobId(), anyBlobId()]
      const record = (blobId: BlobId, ends: number[], more = {}) => ({
        type: 'put' as const,
        key: blobKey(blobId),
        value: encodeJson({ registrations: ends.map(endEpoch => ({ endEpoch })), ...more }),
      })
      const stale = endingKey(2 as Epoch, living)
      await records.commit([
        record(ended, [3]),
        record(living, [2, 4]),
        record(deleted, []),
        record(invalid, [9], { invalid: true }),
        { type: 'put', key: stale, value: new Uint8Array() },
        { type: 'put', key: metadataKey(living), value: Uint8Array.of(1) },
        ...[0, 1].map(pair => ({
          type: 'put' as const,
          key: sliverKey(living, ref(pair)),
          value: encodeJson({ file: 'xx', offset: 0, length: 10, sha256: '' }),
        })),
      ])
      await check()
      const blobs = createBlobRecords(records)
      const ending = async (epoch: number) =>
        (await blobs.endings(epoch as Epoch, { limit: 9 })).map(({ blobId }) => blobId)
      assert.deepEqual(new Set(await ending(2)), new Set([deleted, invalid]))
      assert.deepEqual(new Set(await ending(3)), new Set([deleted, invalid, ended]))
      assert.equal((await ending(4)).length, 4)
      assert.deepEqual((await openUsage(records)).get(), { blobs: 1, slivers: 2, bytes: 20 })
    })
  }

  it('notes in a store of version 6 how large its blobs are, as far as it has their metadata', async () => {
    await check({ version: 6 })
    const [known, unknown, garbage] = [anyBlobId(), anyBlobId(), anyBlobId()]
    const { metadata } = await createCodec({ threads: 0 }).encode(new Uint8Array(300), 10)
    const record = (blobId: BlobId) => ({
      type: 'put' as const,
      key: blobKey(blobId),
      value: encodeJson({ registrations: [{ endEpoch: 3 }] }),
    })
    await records.commit([
      ...[known, unknown, garbage].map(record),
      { type: 'put', key: metadataKey(known), value: encodeMetadata(metadata) },
      { type: 'put', key: metadataKey(garbage), value: Uint8Array.of(1) },
    ])
    await check()
    const states = await createBlobRecords(records).getMany([known, unknown, garbage])
    assert.deepEqual(
      states.map(state => [state?.size, state?.registrations.length]),
      [
        [300, 1],
        [undefined, 1],
        [undefined, 1],
      ],
    )
  })

  it('begins a migration anew that was cut short', async () => {
    await check({ version: 1 })
    let cut = true
    const step: Migration = {
      from: 1,
      describe: 'test',
      async *run() {
        for (let i = 0; i < 600; i++) yield { type: 'put', key: `/step/${i}`, value: encodeJson(i) }
        if (cut) throw new Error('killed')
      },
    }
    await assert.rejects(check({ version: 2, migrations: [step] }), /killed/)
    cut = false
    await check({ version: 2, migrations: [step] })
    await check({ version: 2, migrations: [] })
  })

  it('refuses to open twice', async () => {
    const path = `${folder.path}/store`
    const open = () => openNodeStore({ path, network, nShards: 10, clock: systemClock, log: silentLog() })
    const store = await open()
    await assert.rejects(open(), { code: 'STORE_LOCKED' })
    await store.close()
    await (await open()).close()
  })
})
