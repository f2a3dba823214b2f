import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCodec } from '../../../codec/index.ts'
import { floe, REAL_FLOE } from './support.ts'

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
  const variant = async (
    name: string,
    change: (path: (file: string) => string) => Promise<unknown>,
    env: Record<string, string> = {},
  ) => {
    await cp(join(folder, 'slivers'), join(folder, name), { recursive: true })
    await change(file => join(folder, name, file))
    return floe(folder, ['decode', name, '-o', `${name}.out`, '--json'], { env })
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
      await rm(path('secondary-0000.bin'))
      await symlink('nowhere', path('secondary-0000.bin'))
      await rm(path('secondary-0001.bin'))
      await mkdir(path('secondary-0001.bin'))
    })
    assert.equal(code, 0)
    const ignored = [
      'primary-0002.bin',
      'primary-0099.bin',
      'primary-0001.bin',
      'secondary-0000.bin',
      'secondary-0001.bin',
    ]
    assert.deepEqual(JSON.parse(stdout.toString()).ignored.sort(), ignored.sort())
    assert.deepEqual(await readFile(join(folder, 'wrong.out')), data)
  })

  it('do without files that cannot be read, and name them', async () => {
    const broken = join(folder, 'broken-disk.mjs')
    await writeFile(
      broken,
      `import fs from 'node:fs/promises'
      import { syncBuiltinESMExports } from 'node:module'
      const { open } = fs
      const failure = (code, path) => Object.assign(new Error(code), { code, path })
      fs.open = async (path, ...rest) => {
        if (/primary-000[19].bin/.test(path)) throw failure('EACCES', path)
        const handle = await open(path, ...rest)
        if (/primary-0002.bin/.test(path)) handle.read = async () => { throw failure('EIO') }
        return handle
      }
      syncBuiltinESMExports()`,
    )
    const env = { NODE_OPTIONS: `--import ${broken}` }
    const { code, stdout } = await variant('unreadable', async () => {}, env)
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(stdout.toString()).ignored, ['primary-0001.bin', 'primary-0002.bin'])
    assert.deepEqual(await readFile(join(folder, 'unreadable.out')), data)

    // a wrong one among them
    const { code: wrongCode, stdout: wrongOut } = await variant(
      'unreadable-wrong',
      async path => {
        const bytes = await readFile(path('primary-0000.bin'))
        bytes[100]! ^= 1
        await writeFile(path('primary-0000.bin'), bytes)
      },
      env,
    )
    assert.equal(wrongCode, 0)
    assert.deepEqual(JSON.parse(wrongOut.toString()).ignored, [
      'primary-0001.bin',
      'primary-0002.bin',
      'primary-0009.bin',
      'primary-0000.bin',
    ])

    // too little is left, and it is said why
    const few = await variant(
      'unreadable-few',
      path =>
        remove(path, 'primary', [0, 3, 4, 5, 6, 7, 8]).then(() => remove(path, 'secondary', [0, 1, 2, 3])),
      env,
    )
    assert.equal(few.code, 5)
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
    assert.equal(error.details.neededPrimary, 4)
    const wrong = await floe(folder, ['decode', 'few', '-o', 'few.out'])
    assert.doesNotMatch(wrong.stderr, /is not a sliver/)
    await writeFile(join(folder, 'few', 'primary-0009.bin'), 'short')
    const told = await floe(folder, ['decode', 'few', '-o', 'few.out'])
    assert.equal(told.code, 5)
    assert.match(told.stderr, /primary-0009.bin is not a sliver of this blob/)
    const none = await variant('no-metadata', path => rm(path('metadata.bin')))
    assert.deepEqual([none.code, JSON.parse(none.stderr).error.code], [2, 'FILE'])
  })

  it("refuse metadata that is not its blob's", async () => {
    // a hash, the length's highest byte, the number of shards, everything
    for (const [at, ...bytes] of [
      [500, 1],
      [40, 0x7f],
      [42, 0xff, 0xff, 0x7f],
      [0, ...new Array<number>(60).fill(0xff)],
    ] as [number, ...number[]][]) {
      const { code, stderr } = await variant(`metadata-${at}`, async path => {
        const metadata = await readFile(path('metadata.bin'))
        metadata.set(bytes, at)
        await writeFile(path('metadata.bin'), metadata)
      })
      assert.equal(code, 7)
      const { error } = JSON.parse(stderr)
      assert.equal(error.code, 'INTEGRITY')
      assert.match(error.message, /metadata.bin is damaged/)
      assert.equal(error.hint, undefined)
    }
  })

  it('leave nothing behind when the disk is full, and say which file', async () => {
    // the shell's unit is 512 or 1024 bytes
    const limited = (blocks: number, args: string[]) =>
      spawnSync('sh', ['-c', `ulimit -f ${blocks}; exec "$0" "$@"`, process.execPath, REAL_FLOE, ...args], {
        cwd: folder,
        encoding: 'utf8',
      })
    const before = await readdir(folder)
    const encoded = limited(4, ['encode', 'file', '--shards', '4', '--out', 'full', '--json'])
    assert.equal(encoded.status, 2)
    assert.match(JSON.parse(encoded.stderr).error.message, /full\/\w+-000\d\.bin/)
    assert.deepEqual(await readdir(folder), before)
    // a folder that was there stays
    await mkdir(join(folder, 'full'))
    assert.equal(limited(4, ['encode', 'file', '--shards', '4', '--out', 'full']).status, 2)
    assert.deepEqual(await readdir(join(folder, 'full')), [])
    await rm(join(folder, 'full'), { recursive: true })

    const decoded = limited(20, ['decode', 'slivers', '-o', 'full.out', '--json'])
    assert.equal(decoded.status, 2)
    assert.match(JSON.parse(decoded.stderr).error.message, /blob/)
    assert.deepEqual(await readdir(folder), before)
  })

  it('refuse a folder as the target, and a pipe as the source, at once', async () => {
    await mkdir(join(folder, 'target'))
    const { code, stderr } = await floe(folder, ['decode', 'slivers', '-o', 'target', '--json'])
    assert.equal(code, 2)
    assert.equal(JSON.parse(stderr).error.message, 'target is a folder, not a file.')
    const pipe = spawnSync('mkfifo', ['pipe'], { cwd: folder })
    if (pipe.status !== 0) return
    const piped = await floe(folder, ['encode', 'pipe', '--out', 'piped', '--json'])
    assert.equal(piped.code, 2)
    assert.match(JSON.parse(piped.stderr).error.message, /pipe is not a file/)
  })

  it('refuse a folder in use, a blob that is too large and a file that is none', async () => {
    const again = await floe(folder, ['encode', 'file', '--shards', '10', '--out', 'slivers'])
    assert.equal(again.code, 2)
    assert.match(again.stderr, /not empty/)
    await writeFile(join(folder, 'large'), new Uint8Array(400_000))
    const large = await floe(folder, ['encode', 'large', '--shards', '4', '--out', 'large-out', '--json'])
    assert.deepEqual([large.code, JSON.parse(large.stderr).error.code], [8, 'TOO_LARGE'])
    assert.match(large.stderr, /393204 bytes/)
    const wide = await floe(folder, ['encode', 'file', '--shards', '20000', '--out', 'wide', '--json'])
    assert.deepEqual([wide.code, JSON.parse(wide.stderr).error.code], [8, 'TOO_LARGE'])
    const missing = await floe(folder, ['encode', 'nothing', '--out', 'x'])
    assert.equal(missing.code, 2)
  })
})
