import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createRecords, RecordsFull } from '../../base/records.ts'
import { temporaryFolder } from '../support/temporary.ts'

for (const kind of ['memory', 'folder'] as const) {
  describe(`records in ${kind === 'memory' ? 'memory' : 'a folder'}`, () => {
    let home: Awaited<ReturnType<typeof temporaryFolder>>
    let nowMs = 0
    const clock = { now: () => nowMs }
    beforeEach(async () => {
      home = await temporaryFolder()
      nowMs = 1000
    })
    afterEach(() => home.remove())
    const open = (limit = 100) =>
      createRecords({ folder: kind === 'folder' ? join(home.path, 'records') : undefined, limit, clock })

    it('keep what was added first, until its time is over', async () => {
      const records = open()
      assert.equal(await records.get('key'), undefined)
      const added = await Promise.all([1, 2, 3].map(i => records.add('key', `text ${i}`, 2000)))
      assert.deepEqual(added.filter(Boolean), [true])
      assert.match((await records.get('key')) ?? '', /^text/)
      nowMs = 2000
      assert.equal(await records.get('key'), undefined)
      assert.equal(await records.add('key', 'new', 3000), true)
      await records.set('key', 'newer', 3000)
      assert.equal(await records.get('key'), 'newer')
      await records.delete('key')
      assert.equal(await records.get('key'), undefined)
    })

    it('refuse more than their limit rather than forget one', async () => {
      const records = open(2)
      await records.add('a', '', 2000)
      await records.add('b', '', 3000)
      await assert.rejects(records.add('c', '', 3000), RecordsFull)
      await records.set('b', 'again', 3000)
      nowMs = 2000
      assert.equal(await records.add('c', '', 3000), true)
    })

    if (kind === 'folder') {
      it('survive their process, and are shared with others', async () => {
        await open().add('key', 'text', 2000)
        assert.equal(await open().get('key'), 'text')
        assert.equal(await open().add('key', 'other', 2000), false)
      })
    }
  })
}
