import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { compactLevel, isLevelWhole, openLevel, repairLevel } from '../../base/level.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe('a Level database', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
    const level = new ClassicLevel(folder.path)
    for (let i = 0; i < 20; i++) {
      await level.put(`/k/${String(i).padStart(4, '0')}`, String.fromCharCode(i).repeat(30))
    }
    await level.close()
    // what the log held becomes a table
    await (await opened()).close()
  })
  afterEach(() => folder.remove())

  const opened = async () => {
    const level = new ClassicLevel(folder.path)
    await level.open({ createIfMissing: false })
    return level
  }
  const file = async (pattern: RegExp) =>
    join(folder.path, (await readdir(folder.path)).find(name => pattern.test(name))!)

  it('gives the room of what was deleted back', async () => {
    let level = await openLevel(folder.path)
    const keys = Array.from({ length: 200 }, (_, i) => `/big/${i}`)
    await level.batch(keys.map(key => ({ type: 'put', key, value: randomBytes(20_000) })))
    // into a table
    await level.close()
    level = await openLevel(folder.path)
    await level.batch(keys.map(key => ({ type: 'del', key })))
    await compactLevel(level)
    await level.close()
    const sizes = await Promise.all(
      (await readdir(folder.path)).map(async name => (await stat(join(folder.path, name))).size),
    )
    assert.ok(sizes.reduce((a, b) => a + b) < 100_000, sizes.join(' '))
  })

  it('is opened, or made, by one at a time, and never made over what is left of another', async () => {
    const level = await openLevel(folder.path)
    assert.equal((await level.get('/k/0003'))?.length, 30)
    await assert.rejects(openLevel(folder.path), { name: 'LevelError', code: 'LEVEL_LOCKED' })
    await assert.rejects(isLevelWhole(folder.path), { code: 'LEVEL_LOCKED' })
    await level.close()
    assert.equal(await isLevelWhole(folder.path), true)

    await rm(join(folder.path, 'CURRENT'))
    assert.equal(await isLevelWhole(folder.path), false)
    await assert.rejects(openLevel(folder.path), { code: 'LEVEL_LOST_CURRENT' })
    assert.ok(!(await readdir(folder.path)).includes('CURRENT'))

    const made = join(folder.path, 'new')
    await (await openLevel(made)).close()
    assert.ok((await readdir(made)).includes('CURRENT'))
  })

  it('is not opened when it is damaged', async () => {
    await writeFile(await file(/^MANIFEST/), 'nothing that it should be')
    await assert.rejects(openLevel(folder.path), { code: 'LEVEL_UNREADABLE' })
    assert.equal(await isLevelWhole(folder.path), false)
  })

  it('is repaired when it has lost its list of files', async () => {
    await writeFile(await file(/^MANIFEST/), 'nothing that it should be')
    assert.equal(await repairLevel(folder.path), true)
    await using level = await opened()
    assert.equal((await level.keys().all()).length, 20)
  })

  it('ends no process but the one of its repair by a table whose keys are damaged', async () => {
    // by which bits, was found by trying: the keys that remain are empty
    const table = await file(/\.ldb$/)
    const bytes = await readFile(table)
    for (let at = 22; at < bytes.length; at += 23) bytes[at]! ^= 1 << (at % 8)
    await writeFile(table, bytes)
    assert.equal(await repairLevel(folder.path), false)
  })
})
