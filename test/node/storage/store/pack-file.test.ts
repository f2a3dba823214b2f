import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { writePack } from '../../../../node/storage/store/pack-file.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const PACK_FILE = join(
  import.meta.dirname,
  '..',
  '..',
  '..',
  '..',
  'node',
  'storage',
  'store',
  'pack-file.ts',
)

describe('pack files', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  it('hold their parts one behind the other', async () => {
    const path = join(folder.path, 'pack')
    const parts = [new Uint8Array([1, 2]), new Uint8Array(), new Uint8Array([3])]
    await writePack(join(folder.path, 'tmp'), path, parts)
    assert.deepEqual([...(await readFile(path))], [1, 2, 3])
  })

  it('are not there when the disk takes only a part', async function () {
    if (process.platform === 'win32') this.skip()
    const path = join(folder.path, 'pack')
    // a file may have 8 blocks of at most 1024 bytes: the first write is cut short there, the next one fails
    const script = `
      const { writePack } = await import(${JSON.stringify(pathToFileURL(PACK_FILE).href)})
      const parts = Array.from({ length: 3 }, () => new Uint8Array(6_000))
      await writePack(${JSON.stringify(join(folder.path, 'tmp'))}, ${JSON.stringify(path)}, parts).then(
        () => console.log('written'),
        error => console.log(error.code),
      )`
    const limited = ['-c', `trap '' XFSZ; ulimit -f 8; exec "$0" --input-type=module -e "$1"`]
    const { stdout } = spawnSync('sh', [...limited, process.execPath, script], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    assert.equal(stdout.trim(), 'EFBIG')
    assert.deepEqual(await readdir(folder.path), [])
  })
})
