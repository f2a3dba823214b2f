import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCodec } from '../../../codec/index.ts'
import { floe } from './support.ts'

describe('floe encode and floe decode', () => {
  const n = 10
  const data = Buffer.alloc(50_001, 'floe encode and decode ')
  let folder: string
  let blobId: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'floe-encode-'))
    await writeFile(join(folder, 'file'), data)
    const { code, stdout } = await floe(folder, [
      'encode',
      'file',
      '--shards',
      `${n}`,
      '--out',
      'slivers',
      '--json',
    ])
    assert.equal(code, 0)
    const result = JSON.parse(stdout.toString())
    blobId = result.blobId
    assert.deepEqual(result, { file: 'file', blobId, size: data.length, nShards: n, out: 'slivers' })
  })
  after(() => rm(folder, { recursive: true, force: true }))

  /** A copy of the slivers, changed. */
  const variant = async (name: string, change: (path: (file: string) => string) => Promise<void>) => {
    await cp(join(folder, 'slivers'), join(folder, name), { recursive: true })
    await change(file => join(folder, name, file))
    return floe(folder, ['decode', name, '-o', `${name}.out`, '--json'])
  }
  const remove = (path: (file: string) => string, axis: string, pairs: number[]) =>
    Promise.all(pairs.map(pair => rm(path(`${axis}-000${pair}.bin`))))

  it('write slivers named by pair, in BCS', async () => {
    const codec = createCodec({ threads: 0 })
    const blob = await codec.encode(data, n)
    assert.equal(blob.metadata.blobId, blobId)
    assert.equal((await readdir(join(folder, 'slivers'))).length, 2 * n + 1)
    for (const axis of ['primary', 'secondary'] as const) {
      for (let pair = 0; pair < n; pair++) {
        const file = await readFile(join(folder, 'slivers', `${axis}-000${pair}.bin`))
        assert.deepEqual(new Uint8Array(file), blob.view({ pair: pair as never, axis }))
      }
    }
    await codec.close()
  })

  it('bring the file back from a subset', async () => {
    const { code, stdout } = await variant('subset', async path => {
      await remove(path, 'primary', [0, 1, 2, 4, 6, 7, 8])
      await remove(path, 'secondary', [0, 1, 5])
    })
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(stdout.toString()), {
      blobId,
      size: data.length,
      output: 'subset.out',
      ignored: [],
    })
    assert.deepEqual(await readFile(join(folder, 'subset.out')), data)
    // nothing is left behind
    assert.deepEqual(
      (await readdir(folder)).filter(name => name.startsWith('.')),
      [],
    )
  })

  it('do without slivers that are wrong, and name them', async () => {
    const { code, stdout } = await variant('wrong', async path => {
      const bytes = await readFile(path('primary-0001.bin'))
      bytes[100]! ^= 1
      await writeFile(path('primary-0001.bin'), bytes)
      await writeFile(path('primary-0002.bin'), 'short')
      await writeFile(path('primary-0099.bin'), bytes)
    })
    assert.equal(code, 0)
    const ignored = ['primary-0002.bin', 'primary-0099.bin', 'primary-0001.bin']
    assert.deepEqual(JSON.parse(stdout.toString()).ignored.sort(), ignored.sort())
    assert.deepEqual(await readFile(join(folder, 'wrong.out')), data)
  })

  it('say what is missing', async () => {
    const few = await variant('few', async path => {
      await remove(path, 'primary', [0, 1, 2, 3, 4, 5, 6])
      await remove(path, 'secondary', [0, 1, 2, 3])
    })
    assert.equal(few.code, 5)
    const { error } = JSON.parse(few.stderr)
    assert.equal(error.code, 'TOO_FEW_SLIVERS')
    assert.match(error.message, /4 primary or 7 secondary slivers are needed, there are 3 and 6/)
    const none = await variant('no-metadata', path => rm(path('metadata.bin')))
    assert.deepEqual([none.code, JSON.parse(none.stderr).error.code], [2, 'FILE'])
  })

  it("refuse metadata that is not its blob's", async () => {
    const { code, stderr } = await variant('metadata', async path => {
      const bytes = await readFile(path('metadata.bin'))
      bytes[500]! ^= 1
      await writeFile(path('metadata.bin'), bytes)
    })
    assert.equal(code, 7)
    assert.equal(JSON.parse(stderr).error.code, 'INTEGRITY')
  })

  it('refuse a folder in use, a blob that is too large and a file that is none', async () => {
    const again = await floe(folder, ['encode', 'file', '--shards', '10', '--out', 'slivers'])
    assert.equal(again.code, 2)
    assert.match(again.stderr, /not empty/)
    await writeFile(join(folder, 'large'), new Uint8Array(400_000))
    const large = await floe(folder, ['encode', 'large', '--shards', '4', '--out', 'large-out', '--json'])
    assert.deepEqual([large.code, JSON.parse(large.stderr).error.code], [8, 'TOO_LARGE'])
    assert.match(large.stderr, /393204 bytes/)
    const missing = await floe(folder, ['encode', 'nothing', '--out', 'x'])
    assert.equal(missing.code, 2)
  })
})
