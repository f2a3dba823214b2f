import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from '../../base/atomic-file.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe('atomic file', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  it('is written whole, replaces another, and has its mode', async () => {
    const path = join(folder.path, 'file')
    await writeAtomically(path, 'first', 0o600)
    await Promise.all(['second', 'second'].map(text => writeAtomically(path, text, 0o600)))
    assert.equal(await readFile(path, 'utf8'), 'second')
    if (process.platform !== 'win32') assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(folder.path), ['file'])
  })

  it('leaves nothing behind when it fails', async () => {
    const path = join(folder.path, 'taken')
    await mkdir(path)
    await assert.rejects(writeAtomically(path, 'text'))
    assert.deepEqual(await readdir(folder.path), ['taken'])
    await assert.rejects(writeAtomically(join(folder.path, 'missing', 'file'), 'text'), { code: 'ENOENT' })
  })
})
