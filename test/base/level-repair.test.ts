import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { repairLevel } from '../../base/level-repair.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe("Level's repair", () => {
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

  it('makes a database that has lost its list of files one that opens', async () => {
    await writeFile(await file(/^MANIFEST/), 'nothing that it should be')
    assert.equal(await repairLevel(folder.path), true)
    await using level = await opened()
    assert.equal((await level.keys().all()).length, 20)
  })

  it('ends no process but its own on a table whose keys are damaged', async () => {
    // by which bits, was found by trying: the keys that remain are empty
    const table = await file(/\.ldb$/)
    const bytes = await readFile(table)
    for (let at = 22; at < bytes.length; at += 23) bytes[at]! ^= 1 << (at % 8)
    await writeFile(table, bytes)
    assert.equal(await repairLevel(folder.path), false)
  })
})
