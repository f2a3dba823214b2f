import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { floe, networkFolder } from './support.ts'

describe("command line: Walrus's JSON mode", function () {
  this.timeout(60_000)
  let cwd: string
  let remove: () => Promise<void>
  beforeEach(async () => {
    ;({ path: cwd, remove } = await networkFolder())
    await writeFile(join(cwd, 'a.txt'), 'Hello')
    await writeFile(join(cwd, 'b.txt'), 'World')
  })
  afterEach(() => remove())

  const ask = async (command: object, globals: object = {}) => {
    const { code, stdout, stderr } = await floe(cwd, ['json', JSON.stringify({ ...globals, command })])
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout.toString())
  }

  it('stores, tells the status of, and reads files', async () => {
    const stored = await ask(
      { store: { files: ['a.txt', 'b.txt'], epochs: 5, permanent: true, force: false, dryRun: null } },
      { config: 'client_config.yaml', context: 'testnet', gasBudget: 1, network: '.floe/network.json' },
    )
    assert.deepEqual(
      stored.map(({ path }: { path: string }) => path),
      ['a.txt', 'b.txt'],
    )
    const planned = await ask({ store: { files: ['a.txt', 'b.txt'], epochs: 'max', dryRun: true } })
    assert.deepEqual(
      planned.map(({ blobId: _, ...rest }: { blobId: string }) => rest),
      ['a.txt', 'b.txt'].map(path => ({
        path,
        unencodedSize: 5,
        encodedSize: 663_400,
        storageCost: 53 * 100_000 + 20_000,
        encodingType: 'RS2',
      })),
    )
    const { blobObject } = stored[0].blobStoreResult.newlyCreated
    assert.deepEqual([blobObject.size, blobObject.deletable], [5, false])
    const { blobId } = blobObject
    const read = await ask({ read: { blobId } })
    assert.deepEqual(read, { blobId, blob: Buffer.from('Hello').toString('base64') })
    await ask({ read: { blobId, out: 'copy', skipConsistencyCheck: true, rpcUrl: 'http://127.0.0.1:1' } })
    assert.equal(await readFile(join(cwd, 'copy'), 'utf8'), 'Hello')
    const computed = await ask({ blobId: { file: 'a.txt', nShards: 100 } })
    assert.match(computed.blobId, /^[\w-]{43}$/)
    assert.deepEqual([computed.file, computed.unencodedLength], ['a.txt', 5])
    assert.equal((await ask({ convertBlobId: { blobIdDecimal: '1' } })).blobId, `AQ${'A'.repeat(41)}`)
  })

  it('stores quilts, and reads their files', async () => {
    const { blobStoreResult, storedQuiltBlobs } = await ask({
      storeQuilt: {
        blobs: [{ path: 'a.txt', identifier: '-dashed', tags: { k: 'v' } }, { path: 'b.txt' }],
        epochs: 1,
      },
    })
    const quiltId = blobStoreResult.newlyCreated.blobObject.blobId
    assert.deepEqual(
      storedQuiltBlobs.map(({ identifier }: { identifier: string }) => identifier),
      ['-dashed', 'b.txt'],
    )
    const { patches } = await ask({ listPatchesInQuilt: { quiltId } })
    assert.equal(patches[1].patchId, storedQuiltBlobs[1].quiltPatchId)
    for (const query of [
      { quiltId, identifiers: ['-dashed'] },
      { quiltId, tag: ['k', 'v'] },
      { quiltPatchIds: [patches[0].patchId] },
    ]) {
      const files = await ask({ readQuilt: query })
      assert.deepEqual(
        files.map(({ identifier, data }: { identifier: string; data: string }) => [
          identifier,
          Buffer.from(data, 'base64').toString(),
        ]),
        [['-dashed', 'Hello']],
      )
    }
  })

  it('takes the command from standard input, and tells failures by exit code and words', async () => {
    const command = JSON.stringify({ command: { blobStatus: { file: 'a.txt' } } })
    const unknown = await floe(cwd, ['json'], { input: command })
    assert.equal(unknown.code, 4)
    const status = JSON.parse(unknown.stdout.toString())
    assert.deepEqual([status.file, status.status], ['a.txt', 'nonexistent'])

    const cases: [string, number, RegExp][] = [
      ['{', 2, /not JSON/],
      ['{"command":{}}', 2, /one command/],
      ['{"command":{"read":{},"store":{}}}', 2, /one command/],
      ['{"command":{"nonsense":{}}}', 2, /no command "nonsense"/],
      ['{"command":{"read":{}}}', 2, /needs "blobId"/],
      ['{"command":{"read":{"blobId":{}}}}', 2, /text or a number/],
      [`{"command":{"read":{"blobId":"${'A'.repeat(43)}","more":true}}}`, 2, /--more/],
      [`{"command":{"read":{"blobId":"${'A'.repeat(43)}"}}}`, 4, /no blob/i],
      ['{"command":{"store":{"files":["missing"],"epochs":1}}}', 2, /missing/],
      [
        `{"command":{"fundSharedBlob":{"sharedBlobObjId":"0x${'1'.repeat(64)}","amount":1.5}}}`,
        2,
        /whole number of FROST/,
      ],
      ['{"context":"testing","command":{"store":{"files":["a.txt"],"epochs":1}}}', 3, /network here is/],
    ]
    for (const [text, code, words] of cases) {
      const ended = await floe(cwd, ['json', text])
      assert.equal(ended.code, code, `${text}: ${ended.stderr} ${ended.stdout}`)
      assert.match(ended.stderr, words, text)
      assert.equal(ended.stdout.length, 0)
    }
  })

  it('prints what completes commands in a shell', async () => {
    const complete = async (...typed: string[]) => {
      const { stdout } = await floe(cwd, ['completion'])
      const script = `${stdout}\nCOMP_WORDS=(floe ${typed.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${typed.length}; _floe; echo "\${COMPREPLY[@]}"`
      return (await promisify(execFile)('bash', ['-c', script])).stdout.trim().split(' ')
    }
    assert.deepEqual(await complete('list-'), ['list-patches', 'list-blobs', 'list-staked'])
    assert.deepEqual(await complete('attributes', ''), ['get', 'set', 'remove', '-h', '--help'])
    assert.ok((await complete('store', 'a.txt', '--')).includes('--epochs'))
    assert.ok((await complete('attributes', 'set', '--')).includes('--wallet'))
    for (const shell of ['zsh', 'fish']) {
      const { code, stdout } = await floe(cwd, ['completion', '--shell', shell])
      assert.equal(code, 0)
      assert.match(stdout.toString(), /store-quilt/)
    }
    assert.equal((await floe(cwd, ['completion', '--shell', 'sh'])).code, 2)
  })
})
