import assert from 'node:assert/strict'
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EpochTiming } from '../../../chain/types/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { epochsUntil, type Lifetime } from '../../../node/cli/files/lifetime.ts'
import { groupFiles, readSmall } from '../../../node/cli/files/small-files.ts'
import { globalsLast } from '../../../node/cli/run.ts'
import { commandLine } from '../../support/command-line.ts'
import { fakeParts } from '../../support/fake-parts.ts'
import { floe, networkFolder } from './support.ts'

const linesOf = (text: Buffer | string) =>
  text
    .toString()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))

describe('command line: how files are stored', function () {
  this.timeout(60_000)
  let cwd: string
  let remove: () => Promise<void>
  beforeEach(async () => {
    ;({ path: cwd, remove } = await networkFolder())
    await writeFile(join(cwd, 'a.txt'), 'Hello')
    await writeFile(join(cwd, 'b.txt'), 'World')
  })
  afterEach(() => remove())

  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await floe(cwd, [...args, '--json'])
    assert.equal(code, 0, stderr)
    return linesOf(stdout)
  }

  describe('several', () => {
    it('are one quilt when they are small, which is said, and how they are read', async () => {
      await writeFile(join(cwd, 'large'), new Uint8Array(1_000_000))
      const { code, stdout } = await floe(cwd, ['store', 'large', 'a.txt', 'b.txt'])
      assert.equal(code, 0)
      const text = stdout.toString()
      assert.match(text, /^2 small files in one quilt: 0\.00012 WAL instead of 0\.00024 WAL \(--no-quilt/)
      assert.match(text, /\nlarge, 976\.6 KiB: stored\n/)
      const [, quiltId] = /floe read-quilt ([\w-]{43}) --identifiers NAME/.exec(text) ?? []
      const read = await floe(cwd, ['read-quilt', quiltId!, '--identifiers', 'b.txt'])
      assert.equal(read.stdout.toString(), 'World')
      const [, patchId] = /\n +a\.txt +([\w-]{50})\n/.exec(text) ?? []
      assert.equal(
        (await floe(cwd, ['read-quilt', '--quilt-patch-ids', patchId!])).stdout.toString(),
        'Hello',
      )
    })

    it('keep apart what is called the same, and name each for programs', async () => {
      await mkdir(join(cwd, 'sub', 'deep'), { recursive: true })
      await writeFile(join(cwd, 'sub', 'deep', 'a.txt'), 'deep')
      const [stored, ...more] = await json('store', 'a.txt', './a.txt', join('sub', 'deep', 'a.txt'), 'b.txt')
      assert.deepEqual(more, [])
      assert.deepEqual(
        stored.files.map(({ file, identifier }: { file: string; identifier: string }) => [file, identifier]),
        [
          ['./a.txt', 'a.txt'],
          ['sub/deep/a.txt', 'sub/deep/a.txt'],
          ['b.txt', 'b.txt'],
        ],
      )
      assert.equal(stored.blobStoreResult.newlyCreated.blobObject.blobId, stored.blobId)
      await floe(cwd, ['read-quilt', stored.blobId, '--out', 'out'])
      assert.equal(await readFile(join(cwd, 'out', 'sub', 'deep', 'a.txt'), 'utf8'), 'deep')
    })

    it('are blobs of their own when that is wished, and when one is alone', async () => {
      assert.equal((await json('store', 'a.txt', 'b.txt', '--no-quilt')).length, 2)
      assert.equal((await json('store', 'a.txt', 'a.txt')).length, 2)
    })

    it('leave out the largest where it alone would make the quilt as large as memory', async () => {
      const names = Array.from({ length: 650 }, (_, i) => join(cwd, `file-${i}`))
      for (const name of names) await writeFile(name, '')
      await truncate(names[3]!, 10_000_000)
      const [quilt, ...others] = await groupFiles(names, 1000)
      assert.deepEqual(others, [names[3]])
      assert.equal(typeof quilt === 'object' && quilt.files.length, 649)
    })

    it('do without what is not there', async () => {
      const { code, stdout, stderr } = await floe(cwd, ['store', 'a.txt', 'none', 'b.txt', '--json'])
      assert.equal(code, 2)
      assert.match(linesOf(stderr)[0].error.message, /^none: none does not exist/)
      assert.equal(linesOf(stdout)[0].files.length, 2)
    })

    it('do without what is gone or cannot be read once it was looked at, which fails by itself', async () => {
      const files = ['a.txt', 'none', 'b.txt'].map(name => ({ path: join(cwd, name), identifier: name }))
      const apart: string[] = []
      const read = (of: typeof files, signal = new AbortController().signal) =>
        readSmall({ files: of }, { bytes: 100, why: 'of a test' }, signal, path => apart.push(path))
      const found = await read(files)
      assert.deepEqual(
        found.map(({ identifier, contents }) => [identifier, `${Buffer.from(contents)}`]),
        [
          ['a.txt', 'Hello'],
          ['b.txt', 'World'],
        ],
      )
      assert.deepEqual(apart.splice(0), [join(cwd, 'none')])
      // one alone is no quilt
      assert.deepEqual(await read(files.slice(0, 2)), [])
      assert.deepEqual(apart.splice(0), [join(cwd, 'a.txt'), join(cwd, 'none')])
      await assert.rejects(read(files, AbortSignal.abort(new Error('stopped'))), /stopped/)
      assert.deepEqual(apart, [])
    })

    it('are more than one quilt where one does not hold them', async () => {
      const names = Array.from({ length: 70 }, (_, i) => `file-${i}`)
      for (const name of names) await writeFile(join(cwd, name), name)
      const stored = await json('store', ...names)
      assert.deepEqual(
        stored.map(({ files }) => files?.length),
        [66, 4],
      )
    })
  })

  it('says what it would cost, stores nothing, and needs no wallet', async () => {
    await rm(join(cwd, '.floe', 'keys'), { recursive: true })
    const [plan] = await json('store', 'a.txt', '--dry-run', '--epochs', '3')
    assert.deepEqual(
      { ...plan, blobId: plan.blobId.length },
      {
        file: 'a.txt',
        path: 'a.txt',
        blobId: 43,
        unencodedSize: 5,
        encodedSize: 663_400,
        storageCost: 320_000,
        encodingType: 'RS2',
        endEpoch: 4,
      },
    )
    assert.equal(plan.blobId, (await json('blob-id', 'a.txt'))[0].blobId)
    const [small] = await json('store', 'a.txt', 'b.txt', '--dry-run')
    assert.deepEqual(small.files, ['a.txt', 'b.txt'])
    const [quilt] = await json('store-quilt', '--paths', 'a.txt', 'b.txt', '--dry-run')
    assert.equal(quilt.quiltBlobOutput.blobId, small.blobId)
    assert.equal(quilt.storedQuiltBlobs[1].identifier, 'b.txt')
    const { stdout } = await floe(cwd, ['store', 'a.txt', '--dry-run'])
    assert.match(stdout.toString(), /^a\.txt, 5 bytes: would be stored\n/)
    assert.equal((await floe(cwd, ['store', 'a.txt'])).code, 6)
  })

  it('get-wal refuses an amount that is none, before it asks the faucet', async () => {
    for (const amount of ['', 'banana', '0.5']) {
      assert.equal((await floe(cwd, ['get-wal', '--amount', amount])).code, 2, amount)
    }
  })

  it('stores each of several until the epoch that is named, though another begins between them', async () => {
    const fake = fakeParts(cwd)
    const asked: number[] = []
    const connect: typeof fake.connect = async (...given) => {
      const client = await fake.connect(...given)
      return {
        ...client,
        async info(options) {
          const info = await client.info(options)
          // one of them was stored in the epoch before
          return { ...info, system: { ...info.system, epoch: (info.system.epoch + asked.length) as Epoch } }
        },
        async store(source, options) {
          asked.push(options.epochs)
          return await client.store(source, options)
        },
      }
    }
    const args = ['store', join(cwd, 'a.txt'), join(cwd, 'b.txt'), '--no-quilt', '--end-epoch', '9']
    assert.equal((await commandLine(cwd, args, { ...fake, connect })).code, 0)
    assert.deepEqual(asked, [8, 7])
  })

  it('reads with the check that is named, or with what suits the size', async () => {
    const fake = fakeParts(cwd)
    const checks: unknown[] = []
    const connect: typeof fake.connect = async (...given) => {
      const client = await fake.connect(...given)
      return {
        ...client,
        async open(...asked) {
          const blob = await client.open(...asked)
          const stream: typeof blob.stream = options => {
            checks.push(options?.check)
            return blob.stream(options)
          }
          return { ...blob, stream, [Symbol.asyncDispose]: () => blob.close() }
        },
      }
    }
    const [{ blobId }] = await json('store', 'a.txt')
    const read = async (...args: string[]) =>
      (await commandLine(cwd, ['read', blobId, ...args], { ...fake, connect })).code
    const out = ['-o', join(cwd, 'out')]
    assert.equal(await read(), 0)
    assert.equal(await read('--skip-consistency-check'), 0)
    assert.equal(await read('--strict-consistency-check', ...out), 0)
    assert.equal(await read('--strict-consistency-check', '--resume', ...out), 0)
    assert.deepEqual(checks, [undefined, 'rows', 'blob', 'blob'])
    assert.equal(await read('--strict-consistency-check', '--skip-consistency-check'), 2)
  })

  it('stores until an epoch, for as long as is sold, and shared', async () => {
    const endOf = (stored: ReturnType<typeof JSON.parse>) => stored.newlyCreated.blobObject.storage.endEpoch
    assert.equal(endOf((await json('store', 'a.txt', '--end-epoch', '9'))[0]), 9)
    assert.equal(endOf((await json('store', 'a.txt', '--epochs', 'max', '--force'))[0]), 54)
    const [shared] = await json('store', 'a.txt', '--share')
    assert.match(shared.newlyCreated.sharedBlobObject, /^0x/)
    assert.equal(shared.newlyCreated.blobObject.deletable, false)
    const { stdout } = await floe(cwd, ['store', 'b.txt', '--share'])
    assert.match(stdout.toString(), /\n +shared blob +0x/)
  })

  it('refuses what contradicts itself, is over, or is not sold yet', async () => {
    const cases: [string[], RegExp][] = [
      [['--end-epoch', '1'], /it is epoch 1/],
      [['--end-epoch', '55'], /54 epochs, and at most 53 are sold/],
      [['--end-epoch', '5', '--epochs', '4'], /cannot be used with/],
      [['--end-epoch', '5', '--earliest-expiry-time', '2027-01-01 00:00:00'], /cannot be used with/],
      [['--epochs', '4', '--earliest-expiry-time', '2027-01-01 00:00:00'], /cannot be used with/],
      [['--earliest-expiry-time', '2027-02-29T00:00:00Z'], /a date and a time/],
      [['--earliest-expiry-time', 'tomorrow'], /a date and a time/],
      [['--share', '--deletable'], /cannot be used with/],
      [['--permanent', '--deletable'], /cannot be used with/],
      [['--epochs', 'most'], /whole number/],
    ]
    for (const [options, words] of cases) {
      const { code, stderr } = await floe(cwd, ['store', 'a.txt', ...options])
      assert.deepEqual([code, words.test(stderr)], [2, true], `${options.join(' ')}: ${stderr}`)
    }
  })

  it("takes Walrus's options before the command and behind it", async () => {
    assert.deepEqual(globalsLast(['--context', 'localnet', '--json', 'read', '--', '-x']), [
      'read',
      '--context',
      'localnet',
      '--json',
      '--',
      '-x',
    ])
    assert.deepEqual(globalsLast(['--config=a', 'read', '--json']), ['read', '--json', '--config=a'])
    assert.deepEqual(globalsLast(['--help']), ['--help'])
    const before = ['--config', 'client_config.yaml', '--context', 'localnet', '--gas-budget', '1', '--json']
    const { code, stdout } = await floe(cwd, [...before, 'write', 'a.txt', '--ignore-resources'])
    assert.deepEqual([code, linesOf(stdout)[0].file], [0, 'a.txt'])
    const other = await floe(cwd, ['--context', 'devnet', 'store', 'a.txt'])
    assert.equal(other.code, 3)
    assert.match(other.stderr, /The network here is "localnet", not "devnet"/)
    // no file can stand for Walrus's networks; theirs has no wallet here
    for (const args of [
      ['--context', 'testnet', 'store', 'a.txt'],
      ['store', 'a.txt', '--network', 'mainnet'],
    ])
      assert.equal((await floe(cwd, args)).code, 6)
  })
})

describe('until when something is stored', () => {
  const system = { epoch: 7 as Epoch, maxEpochsAhead: 10 }
  const timing = {
    epoch: 7 as Epoch,
    nowMs: 1_000_000,
    durationMs: 1_000,
    changeDueMs: 1_000_500,
  } as EpochTiming
  const until = (earliestExpiryTime: number, more: Partial<Lifetime> = {}) =>
    epochsUntil({ epochs: 1, earliestExpiryTime, ...more }, system, timing)

  it('is the first end of an epoch that is not before the time', () => {
    const cases: [number, number][] = [
      [1_000_001, 1],
      [1_000_500, 1],
      [1_000_501, 2],
      [1_001_500, 2],
      [1_001_501, 3],
      [1_009_500, 10],
    ]
    for (const [time, epochs] of cases) assert.equal(until(time), epochs, String(time))
  })

  it('is neither over nor later than is sold', () => {
    assert.throws(() => until(1_000_000), /the chain's time is/)
    assert.throws(() => until(1_009_501), /11 epochs, and at most 10/)
  })
})
