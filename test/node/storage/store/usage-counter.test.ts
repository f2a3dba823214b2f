import assert from 'node:assert/strict'
import { systemClock } from '../../../../base/clock.ts'
import { USAGE_CHANGE_PREFIX } from '../../../../node/storage/store/keys.ts'
import { openRecords, type Records } from '../../../../node/storage/store/records.ts'
import { openUsage, type StoreUsage } from '../../../../node/storage/store/usage-counter.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

describe('what a store holds', () => {
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
  const changes = async () => {
    let count = 0
    for await (const _ of records.keys(USAGE_CHANGE_PREFIX)) count++
    return count
  }

  it('is the same after a restart, however many changes were under way at a time, and kept in few records', async () => {
    let usage = await openUsage(records)
    let expected: StoreUsage = { blobs: 0, slivers: 0, bytes: 0 }
    for (let round = 0; round < 4; round++) {
      const under = Array.from({ length: 300 }, (_, i) => {
        const change = { slivers: i % 3 === 0 ? -1 : 2, bytes: i, blobs: i % 2 }
        expected = {
          blobs: expected.blobs + change.blobs,
          slivers: expected.slivers + change.slivers,
          bytes: expected.bytes + change.bytes,
        }
        return usage.commit([{ type: 'put', key: `/x/${i}`, value: new Uint8Array() }], change)
      })
      await Promise.all(under)
      assert.deepEqual(usage.get(), expected)
      usage = await openUsage(records)
      assert.deepEqual(usage.get(), expected)
    }
    assert.ok((await changes()) < 900, String(await changes()))
  })

  it('does not count what was not committed', async () => {
    let full = true
    const failing: Records = {
      ...records,
      get: key => records.get(key),
      list: prefix => records.list(prefix),
      commit: (operations, options) =>
        full ? Promise.reject(new Error('disk')) : records.commit(operations, options),
    }
    const seen: number[] = []
    const usage = await openUsage(failing, ({ slivers }) => seen.push(slivers))
    await assert.rejects(usage.commit([], { slivers: 1 }), /disk/)
    assert.equal(usage.get().slivers, 0)
    full = false
    await usage.commit([], { slivers: 2 })
    assert.deepEqual(seen, [0, 2])
    assert.equal((await openUsage(records)).get().slivers, 2)
  })
})
