import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { floe, networkFolder, spawnFloe } from './support.ts'

describe('command line', function () {
  this.timeout(60_000) // each command is a process
  let cwd: string
  let remove: () => Promise<void>
  beforeEach(async () => {
    ;({ path: cwd, remove } = await networkFolder())
  })
  afterEach(() => remove())
  const file = async (name: string, data: string | Uint8Array) => {
    await writeFile(join(cwd, name), data)
    return name
  }
  const stored = async (data: string | Uint8Array): Promise<string> => {
    const { stdout } = await floe(cwd, ['store', await file('stored', data), '--json'])
    return JSON.parse(stdout.toString()).blobId
  }
  const jsonError = (stderr: string) => JSON.parse(stderr).error

  describe('store', () => {
    it('tells what was stored, in words', async () => {
      const { code, stdout, stderr } = await floe(cwd, [
        'store',
        await file('a.txt', 'Hello'),
        '--epochs',
        '3',
      ])
      assert.equal(code, 0)
      assert.equal(stderr, '')
      const text = stdout.toString()
      assert.match(text, /^a\.txt, 5 bytes: stored\n/)
      assert.match(text, /blob ID {2}[\w-]{43}\n/)
      assert.match(text, /until {4}epoch 4, deletable before\n/)
      assert.match(text, /cost {5}0\.0003969 WAL/)
    })

    it('names the object of what is stored already', async () => {
      const name = await file('again', 'again')
      const { stdout } = await floe(cwd, ['store', name, name])
      const object = /object {3}(0x[0-9a-f]{64})\n/.exec(stdout.toString())?.[1]
      assert.ok(object)
      const again = new RegExp(`is stored already, nothing was paid\\n.*\\n +object +${object}\\n`)
      assert.match(stdout.toString(), again)
    })

    it('prints one JSON line per file in the shape of the gateway', async () => {
      const files = [await file('a', 'one'), await file('b', 'two'), await file('c', 'one')]
      const { code, stdout } = await floe(cwd, ['store', ...files, '--json', '--permanent', '--no-quilt'])
      assert.equal(code, 0)
      const lines = stdout
        .toString()
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      assert.deepEqual(
        lines.map(line => line.file),
        files,
      )
      assert.equal(lines[0].newlyCreated.blobObject.deletable, false)
      assert.equal(lines[0].newlyCreated.blobObject.blobId, lines[0].blobId)
      assert.equal(lines[2].alreadyCertified.blobId, lines[0].blobId)
    })

    it('reads standard input for -', async () => {
      const { code, stdout } = await floe(cwd, ['store', '-', '--json'], { input: 'from a pipe' })
      assert.equal(code, 0)
      assert.equal(JSON.parse(stdout.toString()).newlyCreated.blobObject.size, 11)
    })

    it('goes on after a file that fails, and ends with its code', async () => {
      const good = await file('good', 'good')
      const { code, stdout, stderr } = await floe(cwd, ['store', 'missing', good, cwd, '--json'])
      assert.equal(code, 2)
      assert.equal(JSON.parse(stdout.toString()).file, good)
      const errors = stderr.trim().split('\n')
      assert.match(jsonError(errors[0]!).message, /^missing: .*does not exist/)
      assert.match(jsonError(errors[1]!).message, /is a folder/)
    })

    it('wants a wallet, and never quotes it', async () => {
      const a = await file('a', 'a')
      await rm(join(cwd, '.floe', 'keys'), { recursive: true })
      const none = await floe(cwd, ['store', a])
      assert.equal(none.code, 6)
      assert.match(none.stderr, /There is no wallet: .*user\.sui\.key.*\n +Name a key file with --wallet/)
      const secret = 'suiprivkey1notakeyatall'
      const key = await file('bad.key', secret)
      const exposed = await floe(cwd, ['store', a, '--wallet', key])
      assert.equal(exposed.code, 6)
      assert.match(
        exposed.stderr,
        /Others may read the key file .*bad\.key\.\n +Keep it to yourself: chmod 600 \S*bad\.key\n/,
      )
      await chmod(join(cwd, key), 0o600)
      const bad = await floe(cwd, ['store', a, '--wallet', key])
      assert.equal(bad.code, 6)
      assert.match(bad.stderr, /holds no Sui key/)
      assert.doesNotMatch(exposed.stderr + bad.stderr, /notakey/)
    })
  })

  describe('read', () => {
    it('writes exactly the bytes to standard output', async () => {
      const data = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256))
      const { code, stdout, stderr } = await floe(cwd, ['read', await stored(data)])
      assert.deepEqual([code, stderr], [0, ''])
      assert.ok(stdout.equals(data))
    })

    it('writes the empty blob', async () => {
      const { code, stdout } = await floe(cwd, ['read', await stored('')])
      assert.deepEqual([code, stdout.length], [0, 0])
    })

    it('writes to a file, whole or not at all', async () => {
      const blobId = await stored('Hello')
      const { code, stdout } = await floe(cwd, ['read', blobId, '-o', 'out', '--json'])
      assert.equal(code, 0)
      assert.deepEqual(JSON.parse(stdout.toString()), { blobId, size: 5, output: 'out' })
      assert.equal(await readFile(join(cwd, 'out'), 'utf8'), 'Hello')

      const before = await readdir(cwd)
      const missing = await floe(cwd, ['read', blobId, '-o', join('no', 'such', 'folder')])
      assert.equal(missing.code, 2)
      assert.equal(missing.stderr, `floe: The folder ${join('no', 'such')} does not exist.\n`)
      await mkdir(join(cwd, 'folder'))
      assert.equal((await floe(cwd, ['read', blobId, '-o', 'folder'])).code, 2)
      assert.deepEqual((await readdir(cwd)).sort(), [...before, 'folder'].sort())
    })

    it('writes to what is no regular file without replacing it, and through links', async () => {
      const blobId = await stored('Hello')
      await promisify(execFile)('mkfifo', [join(cwd, 'pipe')])
      const reader = readFile(join(cwd, 'pipe'), 'utf8')
      assert.equal((await floe(cwd, ['read', blobId, '-o', 'pipe'])).code, 0)
      assert.equal((await stat(join(cwd, 'pipe'))).isFIFO(), true)
      assert.equal(await reader, 'Hello')
      await symlink('real', join(cwd, 'link'))
      await writeFile(join(cwd, 'real'), 'old')
      assert.equal((await floe(cwd, ['read', blobId, '-o', 'link'])).code, 0)
      assert.equal(await readFile(join(cwd, 'real'), 'utf8'), 'Hello')
    })

    it('leaves nothing behind when it is interrupted', async () => {
      const blobId = await stored(Buffer.alloc(5_000, 1))
      await writeFile(join(cwd, 'out'), 'old')
      const before = await readdir(cwd)
      const env = { FAKE_FLOE_PIECE_BYTES: '1000', FAKE_FLOE_STALL_AFTER: '3000' }
      const { child, ended } = spawnFloe(cwd, ['read', blobId, '-o', 'out'], env)
      await once(child.stderr!, 'data')
      assert.equal((await readdir(cwd)).length, before.length + 1)
      child.kill('SIGINT')
      const { code, stderr } = await ended
      assert.deepEqual([code, stderr], [130, 'begun\nfloe: Interrupted.\n'])
      assert.deepEqual(await readdir(cwd), before)
      assert.equal(await readFile(join(cwd, 'out'), 'utf8'), 'old')
    })

    it('gives what has come to a pipe before the rest has, and ends it when it is interrupted', async () => {
      const data = Buffer.from(Array.from({ length: 5_000 }, (_, i) => i % 256))
      const env = { FAKE_FLOE_PIECE_BYTES: '1000', FAKE_FLOE_STALL_AFTER: '3000' }
      const { child, ended } = spawnFloe(cwd, ['read', await stored(data)], env)
      await once(child.stderr!, 'data')
      child.kill('SIGINT')
      const { code, stdout } = await ended
      assert.equal(code, 130)
      assert.ok(stdout.equals(data.subarray(0, 3000)))
    })

    it('goes on where it was cut short, with what is right of it', async () => {
      const data = Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7) % 251))
      const blobId = await stored(data)
      const part = join(cwd, `.floe-${blobId}.part`)
      const args = ['read', blobId, '-o', 'out', '--resume', '--json']
      const cut = async () => {
        const env = { FAKE_FLOE_PIECE_BYTES: '1000', FAKE_FLOE_STALL_AFTER: '3000' }
        const { child, ended } = spawnFloe(cwd, ['read', blobId, '-o', 'out', '--resume'], env)
        await once(child.stderr!, 'data')
        child.kill('SIGINT')
        const { code, stderr } = await ended
        assert.equal(code, 130)
        assert.match(stderr, /2\.9 KiB are kept in \.floe-\S+\.part; the same command goes on from there\./)
        assert.equal(existsSync(join(cwd, 'out')), false)
        assert.ok((await readFile(part)).equals(data.subarray(0, 3000)))
      }
      const finish = async () => {
        const { code, stdout } = await floe(cwd, args)
        assert.equal(code, 0)
        assert.ok((await readFile(join(cwd, 'out'))).equals(data))
        assert.equal(existsSync(part), false)
        await rm(join(cwd, 'out'))
        return JSON.parse(stdout.toString()).resumedBytes
      }
      await cut()
      assert.equal(await finish(), 3000)
      await cut()
      // what somebody wrote over it is not gone on with
      await writeFile(part, Buffer.concat([data.subarray(0, 1500), Buffer.alloc(9_000)]))
      assert.equal(await finish(), 1500)
      assert.equal(await finish(), 0)
      // nor is a link, which may lead anywhere
      await writeFile(join(cwd, 'precious'), 'precious')
      await symlink('precious', part)
      assert.notEqual((await floe(cwd, args)).code, 0)
      assert.equal(await readFile(join(cwd, 'precious'), 'utf8'), 'precious')

      assert.equal((await floe(cwd, ['read', blobId, '--resume'])).code, 2)
      await promisify(execFile)('mkfifo', [join(cwd, 'pipe')])
      assert.equal((await floe(cwd, ['read', blobId, '-o', 'pipe', '--resume'])).code, 2)
    })

    it('ends quietly when the reader of the pipe goes away', async () => {
      const blobId = await stored(Buffer.alloc(16 * 1024 * 1024))
      const { child, ended } = spawnFloe(cwd, ['read', blobId])
      await once(child.stdout!, 'data')
      child.stdout!.destroy()
      const { code, stderr } = await ended
      assert.deepEqual([code, stderr], [0, ''])
    })

    it('takes blob IDs that start with a dash', async () => {
      const blobId = `-${'A'.repeat(42)}`
      await mkdir(join(cwd, 'blobs'))
      await file(join('blobs', blobId), 'dashed')
      const { stdout } = await floe(cwd, ['read', blobId, '-o', 'out', '--json'])
      assert.equal(JSON.parse(stdout.toString()).size, 6)
    })

    it('tells an unknown blob, a malformed ID and a JSON document without file apart', async () => {
      const unknown = await floe(cwd, ['read', 'A'.repeat(43), '--json', '-o', 'x'])
      assert.equal(unknown.code, 4)
      const error = jsonError(unknown.stderr)
      assert.deepEqual([error.code, error.exitCode, error.details.neededShards], ['BLOB_NOT_FOUND', 4, 67])
      assert.equal(existsSync(join(cwd, 'x')), false)
      const malformed = await floe(cwd, ['read', 'abc'])
      assert.equal(malformed.code, 2)
      assert.match(malformed.stderr, /^floe: "abc" is not a blob ID\.\n/)
      assert.equal((await floe(cwd, ['read', 'A'.repeat(43), '--json'])).code, 2)
    })
  })

  it('computes blob IDs offline, by the shards given, the network here, or as Walrus', async () => {
    const name = await file('a', 'Hello')
    await rm(join(cwd, '.floe', 'keys'), { recursive: true })
    const id = async (...args: string[]) =>
      (await floe(cwd, ['blob-id', name, ...args])).stdout.toString().trim()
    const [here, hundred, ten] = [await id(), await id('--shards', '100'), await id('--shards', '10')]
    assert.match(here, /^[\w-]{43}$/)
    assert.equal(here, hundred)
    assert.notEqual(here, ten)
    const { stdout } = await floe(cwd, ['blob-id', name, '--shards', '10', '--json'])
    assert.deepEqual(JSON.parse(stdout.toString()), { file: name, blobId: ten, size: 5, nShards: 10 })
    await rm(join(cwd, '.floe'), { recursive: true })
    assert.equal(JSON.parse((await floe(cwd, ['blob-id', name, '--json'])).stdout.toString()).nShards, 1000)
  })

  it('tells the status of a blob, by words and by exit code', async () => {
    const { code, stdout } = await floe(cwd, ['status', 'A'.repeat(43)])
    assert.equal(code, 4)
    assert.match(stdout.toString(), /unknown to this network[\s\S]*nodes with 100 of 100 shards/)
    const json = await floe(cwd, ['status', 'A'.repeat(43), '--json'])
    assert.equal(JSON.parse(json.stdout.toString()).status, 'nonexistent')
    assert.equal(json.stderr, '')
  })

  it('describes the network', async () => {
    const { code, stdout } = await floe(cwd, ['info'])
    assert.equal(code, 0)
    const text = stdout.toString()
    assert.match(text, /epoch {6}1, settled; one lasts 1 day/)
    assert.match(text, /storing {4}0\.0001 WAL per MiB and epoch, at most 53 epochs ahead/)
    const value = JSON.parse((await floe(cwd, ['info', '--json'])).stdout.toString())
    assert.deepEqual([value.epoch, value.nShards, value.members[0].shards], [1, 100, 100])
  })

  describe('the network file', () => {
    it('is found upwards, or named', async () => {
      const below = join(cwd, 'a', 'b')
      await mkdir(below, { recursive: true })
      assert.equal((await floe(below, ['info'])).code, 0)
      assert.equal(
        (
          await floe('/', ['info', '--network', join(cwd, '.floe', 'network.json')], {
            env: { FAKE_FLOE_DIR: cwd },
          })
        ).code,
        0,
      )
    })

    it('is missed, or refused, with a sentence', async () => {
      await rm(join(cwd, '.floe'), { recursive: true })
      const none = await floe(cwd, ['info'])
      assert.equal(none.code, 3)
      assert.match(none.stderr, /No Floe network found.*\n +Start one with `npm start`/)
      for (const text of ['not json', '[]', 'null', '{"schemaVersion":2}', '{"schemaVersion":1}']) {
        const bad = await floe(cwd, ['info', '--network', await file('net.json', text), '--json'])
        assert.equal(bad.code, 3, text)
        assert.equal(jsonError(bad.stderr).code, 'BAD_NETWORK_FILE')
      }
    })

    it('is missed only after what a command is to store was found', async () => {
      await rm(join(cwd, '.floe'), { recursive: true })
      await file('there', 'Hello')
      const wrong = [
        [['store', 'none'], /^floe: none does not exist\.\n$/],
        [['store', 'none', 'neither'], /^floe: none: none does not exist\.\nfloe: neither: neither does/],
        [['store-quilt'], /^floe: A quilt is made of --paths, or of --blobs\./],
        [['store-quilt', '--paths', 'there', 'none'], /none does not exist\.\n$/],
        [['store-quilt', '--blobs', '{"path":"none"}'], /none does not exist\.\n$/],
      ] as const
      for (const [args, told] of wrong) {
        const { code, stderr } = await floe(cwd, [...args])
        assert.deepEqual([code, told.test(stderr)], [2, true], `${args.join(' ')}: ${stderr}`)
      }
      for (const args of [
        ['store', 'none', 'there'],
        ['store-quilt', '--paths', 'there'],
      ])
        assert.match((await floe(cwd, args)).stderr, /^floe: No Floe network found/)
    })
  })

  it('turns every failure of the network into its exit code', async () => {
    const codes = {
      TOO_FEW_SHARDS: 5,
      NO_SPACE: 5,
      NODES_BUSY: 5,
      WALLET_BUSY: 5,
      REGISTRATION_ENDED: 8,
      CHAIN_UNAVAILABLE: 3,
      BLOB_INVALID: 7,
      INVALID_OPTION: 2,
      CHAIN_REJECTED: 8,
    }
    for (const [code, exitCode] of Object.entries(codes)) {
      const { code: got, stderr } = await floe(cwd, ['info', '--json'], { env: { FAKE_FLOE_FAIL: code } })
      assert.equal(got, exitCode, code)
      assert.equal(jsonError(stderr).code, code)
      assert.equal(jsonError(stderr).exitCode, exitCode)
    }
  })

  it('says what is wrong with an option, in words or in JSON', async () => {
    for (const args of [['store'], ['frob'], ['store', 'x', '--epochs', '0'], ['info', '--verbose']]) {
      const { code, stderr } = await floe(cwd, args)
      assert.equal(code, 2, args.join(' '))
      assert.match(stderr, /^floe: /)
    }
    for (const args of [['read'], ['up', '--port', '70000'], ['read', 'A'.repeat(43), 'B']]) {
      const { code, stdout, stderr } = await floe(cwd, [...args, '--json'])
      assert.deepEqual([code, stdout.length], [2, 0], args.join(' '))
      assert.equal(jsonError(stderr).code, 'USAGE')
    }
  })

  it('prints help and version on standard output', async () => {
    const help = await floe(cwd, ['--help'])
    assert.deepEqual([help.code, help.stderr], [0, ''])
    assert.match(help.stdout.toString(), /Exit codes: 0 ok/)
    assert.match((await floe(cwd, ['--version'])).stdout.toString(), /^\d+\.\d+\.\d+\n$/)
  })

  it('stops at Ctrl-C with 130', async () => {
    const { child, ended } = spawnFloe(cwd, ['info'], { FAKE_FLOE_HANG: '1' })
    await once(child.stderr!, 'data')
    child.kill('SIGINT')
    const { code, stderr } = await ended
    assert.equal(code, 130)
    assert.match(stderr, /^begun\nfloe: Interrupted\.\n$/)
  })
})
