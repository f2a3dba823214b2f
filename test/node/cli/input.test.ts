import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { floe, networkFolder, spawnFloe } from './support.ts'

/** The network's in these tests: 34 * 67 symbols of 65,534 bytes. */
const MAX_BYTES = 149_286_452

describe('what the command line reads', function () {
  this.timeout(60_000) // each command is a process
  let cwd: string
  let remove: () => Promise<void>
  beforeEach(async () => {
    ;({ path: cwd, remove } = await networkFolder())
  })
  afterEach(() => remove())
  const pipe = async (name: string): Promise<string> => {
    await promisify(execFile)('mkfifo', [join(cwd, name)])
    return name
  }

  it('has an end: a device and a pipe that never end are given up at the limit of the network', async () => {
    const device = await floe(cwd, ['store', '/dev/zero', '--json'])
    assert.equal(device.code, 8, device.stderr)
    const { error } = JSON.parse(device.stderr)
    assert.deepEqual([error.code, error.details], ['BLOB_TOO_LARGE', { maxBytes: MAX_BYTES }])
    assert.match(error.message, /a network of 100 shards takes no larger blob/)

    const { child, ended } = spawnFloe(cwd, ['store', '-'])
    const yes = spawn('yes', { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      yes.stdout.pipe(child.stdin!)
      child.stdin!.on('error', () => {})
      const { code, stderr } = await ended
      assert.deepEqual([code, stderr.split(' has more')[0]], [8, 'floe: Standard input'])
    } finally {
      yes.kill()
    }
  })

  it('is read once: a second - would be an empty blob, paid for', async () => {
    const { code, stdout, stderr } = await floe(cwd, ['store', '-', '-', '--json'], { input: 'once' })
    assert.equal(code, 2, stderr)
    assert.match(JSON.parse(stderr).error.message, /Standard input was read to its end already/)
    assert.equal(JSON.parse(stdout.toString()).newlyCreated.blobObject.size, 4)
  })

  it('is refused by its size before a byte of it is read', async () => {
    await writeFile(join(cwd, 'sparse'), '')
    await truncate(join(cwd, 'sparse'), 2 ** 42)
    for (const command of [['store'], ['blob-id', '--shards', '100']]) {
      const { code, stderr } = await floe(cwd, [...command, 'sparse'])
      assert.equal(code, 8)
      assert.match(stderr, /^floe: sparse has more than 142\.4 MiB: a network of 100 shards/)
    }
  })

  it('may be a pipe, whose other end comes later', async () => {
    const { ended } = spawnFloe(cwd, ['store', await pipe('pipe'), '--json'])
    const writer = createWriteStream(join(cwd, 'pipe'))
    writer.write('Hello ')
    await once(writer, 'ready')
    writer.end('from a pipe')
    const { code, stdout, stderr } = await ended
    assert.equal(code, 0, stderr)
    assert.equal(JSON.parse(stdout.toString()).newlyCreated.blobObject.size, 17)
  })

  it('may be a wallet or a network file that comes through a pipe', async () => {
    const line = '"$0" "$1" wallet address --wallet <(cat .floe/keys/user.sui.key)'
    const main = join(import.meta.dirname, '..', '..', '..', 'node', 'cli', 'main.ts')
    const { stdout } = await promisify(execFile)('bash', ['-c', line, process.execPath, main], { cwd })
    assert.match(stdout, /^0x[0-9a-f]{64}\n$/)
  })

  const never: Record<string, string[]> = {
    'the file of store': ['store', 'pipe'],
    'the file of blob-id': ['blob-id', 'pipe'],
    'a wallet': ['wallet', 'address', '--wallet', 'pipe'],
    'a network file': ['info', '--network', 'pipe'],
    'the metadata of decode': ['decode', 'slivers', '-o', 'out'],
    'the output of read': ['read', 'A'.repeat(43), '-o', 'pipe'],
  }
  for (const [what, args] of Object.entries(never)) {
    it(`ends when interrupted while it waits for ${what}`, async () => {
      await pipe('pipe')
      await mkdir(join(cwd, 'slivers'))
      await pipe(join('slivers', 'metadata.bin'))
      await mkdir(join(cwd, 'blobs'))
      await writeFile(join(cwd, 'blobs', 'A'.repeat(43)), 'a blob')
      const { child, ended } = spawnFloe(cwd, args, { FAKE_FLOE_READY: '1' })
      // it says so once signals are handled
      await once(child.stderr!, 'data')
      child.kill('SIGTERM')
      const { code, stderr } = await ended
      assert.equal(code, 130, stderr)
      assert.match(stderr, /Interrupted\./)
    })
  }
})
