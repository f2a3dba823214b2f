import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from '../../support/temporary.ts'

const CLI = join(import.meta.dirname, '..', '..', '..', 'node', 'cli')
const BUILDS = join(CLI, 'build')
const generationOf = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'inputs.json'), 'utf8')).generation as string

describe('the bundle of the command line', function () {
  let bundle: string
  before(() => {
    bundle = join(BUILDS, generationOf(BUILDS))
  })
  this.timeout(60_000) // processes, on a machine that may be busy

  it('is there for commands that run from it until the next but one is built', async () => {
    const folder = await temporaryFolder()
    try {
      const generations: string[] = []
      for (const _ of [1, 2, 3]) {
        await promisify(execFile)(process.execPath, [join(CLI, 'build.ts'), folder.path])
        generations.push(generationOf(folder.path))
        const kept = (await readdir(folder.path)).filter(name => name !== 'inputs.json')
        assert.deepEqual(kept.sort(), generations.slice(-2).sort())
      }
    } finally {
      await folder.remove()
    }
  })

  it('finds the files that lie beside sources', async () => {
    const found = new Set<string>()
    for (const name of await readdir(bundle)) {
      if (!name.endsWith('.mjs')) continue
      const text = await readFile(join(bundle, name), 'utf8')
      for (const [, path] of text.matchAll(/new URL\("(\.\.\/[^"]+\.ts)", import\.meta\.url\)/g))
        found.add(path!)
    }
    assert.ok(found.size > 5, `${found.size} places`)
    for (const path of found)
      assert.ok(existsSync(fileURLToPath(new URL(path, pathToFileURL(join(bundle, 'main.mjs'))))), path)
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
      assert.equal(await told(join(bundle, 'main.mjs')), await told(join(CLI, 'main.ts')))
    } finally {
      await folder.remove()
    }
  })
})
