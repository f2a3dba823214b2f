import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { blobIdToBytes, blobIdToU256, encodeQuilt, parseBlobId } from '../../../codec/index.ts'
import { createProgram } from '../../../node/cli/program.ts'
import { shieldBlobIds } from '../../../node/cli/run.ts'
import { officialQuilt } from '../../codec/support/official-quilt.ts'
import { floe, networkFolder } from './support.ts'

describe('command line: quilts', function () {
  this.timeout(60_000)
  let cwd: string
  let remove: () => Promise<void>
  beforeEach(async () => {
    ;({ path: cwd, remove } = await networkFolder())
  })
  afterEach(() => remove())

  const linesOf = (stdout: Buffer) =>
    stdout
      .toString()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
  const json = async (args: string[]) => {
    const { code, stdout, stderr } = await floe(cwd, [...args, '--json'])
    assert.equal(code, 0, stderr)
    return linesOf(stdout)
  }
  const folder = async () => {
    await mkdir(join(cwd, 'site', 'img'), { recursive: true })
    await writeFile(join(cwd, 'site', 'index.html'), '<p>Hello')
    await writeFile(join(cwd, 'site', 'img', 'a.png'), 'a picture')
    await writeFile(join(cwd, 'notes.txt'), 'notes')
  }
  const storeFolder = async () => {
    await folder()
    const [stored] = await json(['store-quilt', '--paths', 'site', 'notes.txt'])
    return stored
  }

  it('stores folders and files as the quilt that @mysten/walrus makes, in the shape of Walrus', async () => {
    const stored = await storeFolder()
    const official = officialQuilt(
      [
        { identifier: 'index.html', contents: Buffer.from('<p>Hello'), tags: {} },
        { identifier: 'img/a.png', contents: Buffer.from('a picture'), tags: {} },
        { identifier: 'notes.txt', contents: Buffer.from('notes'), tags: {} },
      ],
      100,
    )
    assert.ok((await readFile(join(cwd, 'blobs', stored.blobId))).equals(official.quilt))
    assert.equal(stored.blobStoreResult.newlyCreated.blobObject.blobId, stored.blobId)
    const names = stored.storedQuiltBlobs.map(({ identifier }: { identifier: string }) => identifier)
    assert.deepEqual(names, ['img/a.png', 'index.html', 'notes.txt'])
    const [listed] = await json(['list-patches-in-quilt', stored.blobId])
    assert.deepEqual(
      listed.patches.map(({ patchId }: { patchId: string }) => patchId),
      stored.storedQuiltBlobs.map(({ quiltPatchId }: { quiltPatchId: string }) => quiltPatchId),
    )
    const { stdout } = await floe(cwd, ['list-patches', stored.blobId])
    assert.match(stdout.toString(), /^3 files in [\w-]{43}\n +file +patch ID +tags\n +img\/a\.png +[\w-]{50}/)
  })

  it('reads all, or files by name, tag and patch ID, to a folder and to standard output', async () => {
    await folder()
    const blobs = [
      { path: 'notes.txt', identifier: 'a/b', tags: { kind: 'text', lang: 'en' } },
      { path: 'site/index.html', tags: { kind: 'page', lang: 'en' } },
    ].map(blob => JSON.stringify(blob))
    const [stored] = await json(['store-quilt', '--blobs', ...blobs])
    const quiltId = stored.blobId as string
    const text = async (...args: string[]) => {
      const { code, stdout, stderr } = await floe(cwd, ['read-quilt', ...args])
      assert.equal(code, 0, stderr)
      return stdout.toString()
    }
    assert.equal(await text('--quilt-id', quiltId), 'notes<p>Hello')
    assert.equal(await text(quiltId, '--identifiers', 'index.html'), '<p>Hello')
    assert.equal(await text(quiltId, '--tag', 'kind', 'text'), 'notes')
    assert.equal(await text(quiltId, '--tag', 'kind', 'text', '--tag', 'lang', 'de'), '')
    const patchId = stored.storedQuiltBlobs[1].quiltPatchId
    assert.equal(await text('--quilt-patch-ids', patchId, patchId), '<p>Hello')
    const [asJson] = await json(['read-quilt', quiltId, '--identifiers', 'a/b'])
    assert.deepEqual(
      [asJson.identifier, asJson.tags.kind, Buffer.from(asJson.data, 'base64').toString()],
      ['a/b', 'text', 'notes'],
    )
    await text(quiltId, '--out', 'out')
    assert.equal(await readFile(join(cwd, 'out', 'a', 'b'), 'utf8'), 'notes')
    assert.equal(await readFile(join(cwd, 'out', 'index.html'), 'utf8'), '<p>Hello')
    assert.deepEqual((await readdir(join(cwd, 'out'))).toSorted(), ['a', 'index.html'])
  })

  it('says what a quilt costs that is many times its files, and stores it for those who insist', async () => {
    await mkdir(join(cwd, 'many'))
    await writeFile(join(cwd, 'many', 'large'), Buffer.alloc(512 * 1024))
    for (let i = 0; i < 64; i++) await writeFile(join(cwd, 'many', `${i}`), 'x')
    const args = ['store-quilt', '--paths', 'many', '--epochs', '2', '--json']
    const refused = await floe(cwd, args)
    const { error } = JSON.parse(refused.stderr)
    assert.deepEqual([refused.code, error.code], [8, 'TOO_LARGE'], refused.stderr)
    assert.match(error.message, /^65 files of 512\.1 KiB would be a quilt of 16\.8 MiB for [\d.]+ WAL/)
    assert.match(error.hint, /--allow-waste/)
    assert.equal(error.details.inputBytes, 512 * 1024 + 64)
    assert.equal((await floe(cwd, [...args, '--force'])).code, 8, 'paying again is something else')
    assert.equal((await floe(cwd, [...args, '--allow-waste'])).code, 0)
  })

  it('writes over nothing, and through no link', async () => {
    const files = ['notes.txt', 'sub/notes.txt', 'new'].map(identifier => ({
      identifier,
      contents: Buffer.from('theirs'),
    }))
    await writeFile(join(cwd, 'quilt'), (await encodeQuilt(files, 100)).data)
    const [{ blobId: quiltId }] = await json(['store', 'quilt'])
    await mkdir(join(cwd, 'home'))
    await writeFile(join(cwd, 'home', 'notes.txt'), 'mine')
    await mkdir(join(cwd, 'elsewhere'))
    await symlink(join(cwd, 'elsewhere'), join(cwd, 'home', 'sub'))
    const { code, stderr } = await floe(cwd, ['read-quilt', quiltId, '--out', 'home'])
    assert.notEqual(code, 0)
    assert.match(stderr.toString(), /notes\.txt is there already, and is not written over/)
    assert.match(stderr.toString(), /sub leads out of/)
    assert.equal(await readFile(join(cwd, 'home', 'notes.txt'), 'utf8'), 'mine')
    assert.deepEqual(await readdir(join(cwd, 'elsewhere')), [])
    assert.deepEqual((await readdir(join(cwd, 'home'))).toSorted(), ['new', 'notes.txt', 'sub'])
  })

  it('writes nothing outside of the folder, whatever files are called, and the others all the same', async () => {
    const evil = ['../evil', '/etc/evil', 'a//b', 'a/../../evil', '', '.', 'a\0b', 'a\\..\\b']
    const files = [...evil, 'good'].map(identifier => ({ identifier, contents: Buffer.from('x') }))
    const { data } = await encodeQuilt(files, 100)
    await writeFile(join(cwd, 'quilt'), data)
    const [{ blobId }] = await json(['store', 'quilt'])
    const { code, stdout, stderr } = await floe(cwd, ['read-quilt', blobId, '--out', 'deep/out', '--json'])
    assert.equal(code, 2)
    assert.equal(stderr.trim().split('\n').length, evil.length)
    assert.deepEqual(
      linesOf(stdout).map(({ identifier }) => identifier),
      ['good'],
    )
    assert.deepEqual(await readdir(join(cwd, 'deep', 'out')), ['good'])
    await assert.rejects(stat(join(cwd, 'evil')))
    await assert.rejects(stat(join(cwd, 'deep', 'evil')))
  })

  it('says what is wrong with what it is given', async () => {
    const { blobId } = await storeFolder()
    await writeFile(join(cwd, 'index.html'), 'another')
    await writeFile(join(cwd, 'plain'), 'no quilt')
    const [plain] = await json(['store', 'plain'])
    const patchId = 'A'.repeat(50)
    const cases: [string[], number, RegExp][] = [
      [['store-quilt'], 2, /--paths, or of --blobs/],
      [['store-quilt', '--paths', 'site', 'index.html'], 2, /would be called "index\.html"/],
      [['store-quilt', '--paths', 'missing'], 2, /missing/],
      [['store-quilt', '--blobs', '{"identifier":"a"}'], 2, /has no path/],
      [['store-quilt', '--blobs', '{"path":"plain","tag":{}}'], 2, /"tag", which means nothing/],
      [['store-quilt', '--blobs', '{"path":"plain","tags":{"a":1}}'], 2, /tags that are not texts/],
      [['read-quilt'], 2, /Which quilt/],
      [['read-quilt', blobId, '--tag', 'a'], 2, /a key and a value/],
      [['read-quilt', blobId, '--identifiers', 'a', '--tag', 'a', 'b'], 2, /by one of them/],
      [['read-quilt', blobId, '--quilt-patch-ids', patchId], 2, /leave the quilt ID out/],
      [['read-quilt', '--quilt-patch-ids', 'x'], 2, /not a patch ID/],
      [['read-quilt', blobId, '--identifiers', 'nothing'], 4, /no file "nothing"/],
      [['read-quilt', plain.blobId], 7, /quilt/],
      [['list-patches', plain.blobId], 7, /quilt/],
      [['list-patches', 'A'.repeat(43)], 4, /no blob/i],
    ]
    for (const [args, code, words] of cases) {
      const ended = await floe(cwd, args)
      assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`)
      assert.match(ended.stderr, words, args.join(' '))
    }
  })

  it('takes IDs that begin with a dash for options as well', () => {
    const program = createProgram(() => {})
    const shield = (...args: string[]) => shieldBlobIds(args, program)
    const blob = `-${'A'.repeat(42)}`
    const patch = `-${'A'.repeat(49)}`
    assert.deepEqual(shield('read-quilt', '--quilt-id', blob, '--json'), [
      'read-quilt',
      `--quilt-id=${blob}`,
      '--json',
    ])
    assert.deepEqual(shield('read-quilt', '--quilt-patch-ids', 'B', patch, 'C', '--json'), [
      'read-quilt',
      '--quilt-patch-ids',
      'B',
      `--quilt-patch-ids=${patch}`,
      '--quilt-patch-ids=C',
      '--json',
    ])
  })

  it('tells blob IDs from their other forms', async () => {
    const [{ blobId }] = await (async () => {
      await writeFile(join(cwd, 'a'), 'a')
      return json(['store', 'a'])
    })()
    const id = parseBlobId(blobId)
    const hex = Buffer.from(blobIdToBytes(id)).toString('hex')
    for (const text of [`${blobIdToU256(id)}`, hex, `0x${hex}`, `${blobId}=`, blobId]) {
      const [converted] = await json(['convert-blob-id', text])
      assert.deepEqual(converted, { blobId, decimal: `${blobIdToU256(id)}`, hex: `0x${hex}` }, text)
    }
    assert.equal((await floe(cwd, ['convert-blob-id', 'x'])).code, 2)
    assert.equal((await floe(cwd, ['convert-blob-id', `${1n << 256n}`])).code, 2)
    const [small] = await json(['convert-blob-id', '1'])
    assert.equal(small.blobId, `AQ${'A'.repeat(41)}`)
  })

  it("asks for a file's status, and by Walrus's names", async () => {
    await writeFile(join(cwd, 'a'), 'not stored')
    const ended = await floe(cwd, ['blob-status', '--file', 'a', '--json'])
    assert.equal(ended.code, 4)
    const [{ blobId, status }] = linesOf(ended.stdout)
    assert.equal(status, 'nonexistent')
    const [computed] = await json(['blob-id', 'a'])
    assert.equal(blobId, computed.blobId)
    assert.equal((await floe(cwd, ['blob-status', '--blob-id', blobId])).code, 4)
    assert.equal((await floe(cwd, ['status'])).code, 2)
    assert.equal((await floe(cwd, ['status', blobId, '--file', 'a'])).code, 2)
  })
})
