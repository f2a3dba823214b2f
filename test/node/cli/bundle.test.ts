import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from '../../support/temporary.ts'

const CLI = join(import.meta.dirname, '..', '..', '..', 'node', 'cli')
const BUNDLE = join(CLI, 'build')

describe('the bundle of the command line', function () {
  this.timeout(60_000) // processes, on a machine that may be busy

  it('finds the files that lie beside sources', async () => {
    const found = new Set<string>()
    for (const name of await readdir(BUNDLE)) {
      if (!name.endsWith('.mjs')) continue
      const text = await readFile(join(BUNDLE, name), 'utf8')
      for (const [, path] of text.matchAll(/new URL\("(\.\.\/[^"]+\.ts)", import\.meta\.url\)/g))
        found.add(path!)
    }
    assert.ok(found.size > 5, `${found.size} places`)
    for (const path of found)
      assert.ok(existsSync(fileURLToPath(new URL(path, pathToFileURL(join(BUNDLE, 'main.mjs'))))), path)
  })

  it('does what the sources do', async () => {
    const folder = await temporaryFolder()
    try {
      const file = join(folder.path, 'file')
      await writeFile(file, 'a blob that is encoded by threads and a kernel of wasm')
      const told = async (program: string) =>
        (
          await promisify(execFile)(process.execPath, [
            program,
            'blob-id',
            file,
            '--n-shards',
            '100',
            '--json',
          ])
        ).stdout
      assert.equal(await told(join(BUNDLE, 'main.mjs')), await told(join(CLI, 'main.ts')))
    } finally {
      await folder.remove()
    }
  })
})
