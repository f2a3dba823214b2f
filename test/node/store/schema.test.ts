import assert from 'node:assert/strict'
import type { Epoch } from '../../../codec/types.ts'
import { silentLog } from '../../../node/log.ts'
import { createBlobRecords } from '../../../node/store/blob-records.ts'
import { blobKey } from '../../../node/store/keys.ts'
import { openNodeStore } from '../../../node/store/node-store.ts'
import { decodeJson, encodeJson, openRecords, type Records } from '../../../node/store/records.ts'
import { checkSchema, type Migration, SCHEMA_VERSION } from '../../../node/store/schema.ts'
import { anyBlobId } from '../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const network = `0x${'1'.repeat(64)}`

describe('store schema', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let records: Records
  beforeEach(async () => {
    folder = await temporaryFolder()
    records = await openRecords(folder.path)
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
    await check({ version: 3, migrations: [] })
    await assert.rejects(check(), {
      name: 'StoreError',
      code: 'STORE_NEWER',
      details: { path: 'here', storeVersion: 3, supportedVersion: SCHEMA_VERSION },
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
      async run() {
        ran.push(from)
        return [{ type: 'put', key: `/step/${from}`, value: encodeJson(from) }]
      },
    })
    await assert.rejects(check({ version: 3, migrations: [step(2)] }), { code: 'STORE_UNSUPPORTED' })
    await check({ version: 3, migrations: [step(1), step(2)] })
    assert.deepEqual(ran, [1, 2])
    assert.equal(decodeJson((await records.get('/step/2')) ?? new Uint8Array()), 2)
    await check({ version: 3, migrations: [] })
  })

  it('notes in a store of version 1 when its blobs end', async () => {
    await check({ version: 1 })
    const [ended, living] = [anyBlobId(), anyBlobId()]
    const state = (endEpoch: number) => encodeJson({ registrations: [{ endEpoch }] })
    await records.commit([
      { type: 'put', key: blobKey(ended), value: state(3) },
      { type: 'put', key: blobKey(living), value: state(4) },
    ])
    await check()
    const blobs = createBlobRecords(records)
    assert.equal(await blobs.prune(3 as Epoch, async () => false), 1)
    assert.deepEqual(
      [await blobs.get(ended), (await blobs.get(living))?.registrations.length],
      [undefined, 1],
    )
  })

  it('refuses to open twice', async () => {
    const path = `${folder.path}/store`
    const open = () => openNodeStore({ path, network, nShards: 10, log: silentLog() })
    const store = await open()
    await assert.rejects(open(), { code: 'STORE_LOCKED' })
    await store.close()
    await (await open()).close()
  })
})
