import assert from 'node:assert/strict'
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
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
      nowMs = 20_000
      assert.equal(await records.add('c', '', 30_000), true)
    })

    it('take the place of the one that is named, and of no other', async () => {
      const records = open()
      await records.add('key', 'old', 2000)
      assert.equal(await records.add('key', 'new', 3000, 'another'), false)
      const added = await Promise.all([1, 2, 3].map(i => open().add('key', `new ${i}`, 3000, 'old')))
      if (kind === 'folder') assert.deepEqual(added.filter(Boolean), [true])
      else assert.equal(await records.add('key', 'new', 3000, 'old'), true)
      assert.match((await records.get('key')) ?? '', /^new/)
    })

    if (kind === 'folder') {
      it('survive their process, and are shared with others', async () => {
        await open().add('key', 'text', 2000)
        assert.equal(await open().get('key'), 'text')
        assert.equal(await open().add('key', 'other', 2000), false)
      })

      it('do without one that cannot be read, and without what killed processes have left', async () => {
        const records = open(2)
        await records.add('key', 'text', 2000)
        const folder = join(home.path, 'records')
        const [name] = await readdir(folder)
        await writeFile(join(folder, name!), '{"te')
        await writeFile(join(folder, 'left.tmp'), '')
        await writeFile(join(folder, 'new.tmp'), '')
        nowMs = Date.now()
        await utimes(join(folder, 'left.tmp'), new Date(0), new Date(0))
        const later = open(2)
        assert.equal(await later.get('key'), undefined)
        assert.equal(await later.add('other', '', 2 * nowMs), true)
        assert.equal(await later.add('key', 'again', 2 * nowMs), true)
        assert.equal(await later.get('key'), 'again')
        assert.deepEqual(
          (await readdir(folder)).filter(one => one.endsWith('.tmp')),
          ['new.tmp'],
        )
      })

      it('are not all looked through for each that there is no room for', async () => {
        const records = open(1)
        nowMs = Date.now()
        await records.add('a', '', nowMs + 1000)
        const [name] = await readdir(join(home.path, 'records'))
        const path = join(home.path, 'records', name!)
        nowMs += 20_000
        const text = JSON.stringify({ text: '', untilMs: nowMs + 30_000 })
        await writeFile(path, text)
        await assert.rejects(records.add('b', '', 2 * nowMs), RecordsFull)
        nowMs += 1000
        await writeFile(path, JSON.stringify({ text: '', untilMs: 0 }))
        await assert.rejects(records.add('b', '', 2 * nowMs), RecordsFull)
        assert.match(await readFile(path, 'utf8'), /untilMs/)
        nowMs += 10_000
        assert.equal(await records.add('b', '', 2 * nowMs), true)
      })

      it('that were deleted leave room', async () => {
        const records = open(1)
        await records.add('a', '', 2000)
        await records.delete('a')
        await records.delete('a')
        assert.equal(await records.add('b', '', 2000), true)
      })
    }
  })
}
