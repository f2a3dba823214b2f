import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  createCodec,
  encodeQuilt,
  encodingParams,
  isCodecError,
  openQuilt,
  parseQuiltPatchId,
  type QuiltFile,
  type QuiltSource,
  quiltInBlob,
  quiltLength,
  quiltPatchId,
  sliverBody,
  sliverRef,
  symbolSize,
} from '../../codec/index.ts'
import { encodeFileHeader, encodeIndex } from '../../codec/quilt/format.ts'
import { xorshiftBytes } from './support/data.ts'
import { officialQuilt as official, officialPatchId, officialRead } from './support/official-quilt.ts'

const files: QuiltFile[] = [
  { identifier: 'index.html', contents: xorshiftBytes(1, 900), tags: { 'content-type': 'text/html' } },
  { identifier: 'empty', contents: new Uint8Array() },
  { identifier: 'ä/large.bin', contents: xorshiftBytes(2, 30_000), tags: { b: '2', aa: '1', a: '3' } },
  { identifier: 'a', contents: Uint8Array.of(7) },
  { identifier: 'Zebra', contents: xorshiftBytes(3, 5000) },
]

describe('quilts', () => {
  const codec = createCodec({ threads: 0 })
  after(() => codec.close())

  for (const n of [10, 13, 100, 1000]) {
    it(`are those of @mysten/walrus on ${n} shards`, async () => {
      const theirs = official(files, n)
      const { data, patches } = await encodeQuilt(files, n)
      assert.deepEqual(data, theirs.quilt)
      assert.deepEqual(
        patches.map(({ start, end, ...patch }) => ({ ...patch, startIndex: start, endIndex: end })),
        theirs.index.patches,
      )
    })
  }

  it('are those of @mysten/walrus for any files', async () => {
    const file = fc.record({
      identifier: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
      contents: fc
        .tuple(
          fc.integer({ min: 1 }),
          fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 9000 })),
        )
        .map(([seed, length]) => xorshiftBytes(seed, length)),
      tags: fc.dictionary(fc.string({ maxLength: 10 }), fc.string({ maxLength: 20 }), {
        noNullPrototype: true,
        maxKeys: 3,
      }),
    })
    const several = fc.uniqueArray(file, {
      selector: ({ identifier }) => identifier,
      minLength: 1,
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(several, fc.constantFrom(13, 14, 31, 100), async (some, n) => {
        const { data } = await encodeQuilt(some, n)
        assert.deepEqual(data, official(some, n).quilt)
        const reader = openQuilt(quiltInBlob((await codec.metadata(data, n)).blobId, data, n))
        for (const { identifier, contents, tags } of some) {
          assert.deepEqual(await reader.readByIdentifier(identifier), { identifier, contents, tags })
        }
      }),
      { numRuns: 60 },
    )
  })

  it('are as long as their names and lengths say, before they are made', async () => {
    for (const lengths of [[1, 2], [0, 700], [5000, 1, 1], Array.from({ length: 60 }, (_, i) => i * 13)]) {
      const files = lengths.map((length, i) => ({ identifier: `${i}`, contents: new Uint8Array(length) }))
      const named = files.map(({ identifier, contents: { length } }) => ({
        identifier,
        contents: { length },
      }))
      assert.equal(quiltLength(named, 100), (await encodeQuilt(files, 100)).data.length)
    }
    assert.throws(() =>
      quiltLength(
        [...Array(80).keys()].map(i => ({ identifier: `${i}`, contents: [] })),
        100,
      ),
    )
  })

  it('hold as many files as there are columns but one', async () => {
    const { secondarySymbols: s } = encodingParams(100)
    const many = Array.from({ length: s - 1 }, (_, i) => ({
      identifier: `${i}`,
      contents: xorshiftBytes(i + 1, i),
    }))
    const { data } = await encodeQuilt(many, 100)
    assert.deepEqual(data, official(many, 100).quilt)
    const another = [...many, { identifier: 'one more', contents: new Uint8Array() }]
    await assert.rejects(encodeQuilt(another, 100), { code: 'QUILT_INVALID' })
  })

  it('are those of @mysten/walrus at the edges, and are read again', async () => {
    const text = (length: number) => new TextEncoder().encode('x'.repeat(length))
    const edges: Record<string, [QuiltFile[], number]> = {
      'no file': [[], 10],
      'an empty file, on few shards': [[{ identifier: 'a', contents: text(0) }], 2],
      'an empty identifier': [[{ identifier: '', contents: text(2), tags: { '': '' } }], 10],
      'the longest identifier': [[{ identifier: 'x'.repeat(65_532), contents: text(2) }], 100],
      'three columns of index': [
        [1, 2, 3].map(i => ({ identifier: `${i}${'x'.repeat(9000)}`, contents: text(2) })),
        13,
      ],
      'a file of most columns': [
        [
          { identifier: 'a', contents: text(3_000_000) },
          { identifier: 'b', contents: text(1) },
        ],
        31,
      ],
      'odd names': [
        [
          {
            identifier: '__proto__',
            contents: text(1),
            tags: JSON.parse('{"__proto__":"1","constructor":""}'),
          },
          { identifier: '\ufeffa', contents: text(2), tags: { '\ufeffb': '\ufeffc' } },
          {
            identifier: 'a\0/../\n',
            contents: text(3),
            tags: { '10': 'a', '9': 'b', bb: '', a: '\u{1f30a}' },
          },
        ],
        10,
      ],
    }
    for (const [what, [some, n]] of Object.entries(edges)) {
      const { data } = await encodeQuilt(some, n)
      assert.deepEqual(data, official(some, n).quilt, what)
      const reader = openQuilt(quiltInBlob((await codec.metadata(data, n)).blobId, data, n))
      assert.equal((await reader.list()).length, some.length, what)
      for (const { identifier, contents, tags = {} } of some) {
        assert.deepEqual(await reader.readByIdentifier(identifier), { identifier, contents, tags }, what)
      }
    }
  })

  it('refuse what could not be read again', async () => {
    const contents = new Uint8Array()
    const wrong: Record<string, QuiltFile> = {
      'an identifier a byte too long': { identifier: 'x'.repeat(65_533), contents },
      'long tags': { identifier: 'a', contents, tags: { a: 'x'.repeat(65_533) } },
      'half a character': { identifier: 'a\ud800', contents },
      'half a character in a tag': { identifier: 'a', contents, tags: { '\ud800': '1', '\udfff': '2' } },
      'a number for a tag': { identifier: 'a', contents, tags: { a: 1 as unknown as string } },
    }
    for (const [what, file] of Object.entries(wrong)) {
      await assert.rejects(encodeQuilt([file], 100), { code: 'QUILT_INVALID' }, what)
    }
    assert.throws(() => encodeFileHeader('a', {}, 2 ** 32), { code: 'QUILT_INVALID' })
    const noBytes = [{ identifier: 'a', contents: 'text' as unknown as Uint8Array }]
    await assert.rejects(encodeQuilt(noBytes, 100), { code: 'INVALID_ARGUMENT' })
  })

  it('are not read where index and file disagree', async () => {
    const n = 13
    const { data } = await encodeQuilt([{ identifier: 'safe.txt', contents: new Uint8Array(10) }], n)
    const { data: other } = await encodeQuilt([{ identifier: 'evil.exe', contents: new Uint8Array(10) }], n)
    assert.equal(data.length, other.length)
    // the index of one, and the file of the other
    const { blobId } = await codec.metadata(data, n)
    const [index, file] = [quiltInBlob(blobId, data, n), quiltInBlob(blobId, other, n)]
    const indexEnd = (await openQuilt(index).list())[0]!.start
    const reader = openQuilt({
      ...index,
      column: (at, options) => (at < indexEnd ? index : file).column(at, options),
    })
    await assert.rejects(reader.readByIdentifier('safe.txt'), { code: 'QUILT_INVALID' })
  })

  it('are refused when they break the format, without asking for a column that there is not', async () => {
    const n = 10
    const { primarySymbols: rows, secondarySymbols: columns } = encodingParams(n)
    const { data, patches } = await encodeQuilt([{ identifier: 'a', contents: xorshiftBytes(1, 300) }], n)
    const { blobId } = await codec.metadata(data, n)
    const whole = quiltInBlob(blobId, data, n)
    const columnBytes = rows * symbolSize(n, data.length)
    const { start, end } = patches[0]!
    assert.ok(end - start > 1)
    const index = (...ends: number[]) =>
      encodeIndex(ends.map((last, i) => ({ end: last, identifier: `${i}`, tags: {} })))
    const u32 = (value: number) => Uint8Array.of(value, value >> 8, value >> 16, value >> 24)
    const broken: Record<string, [at: number, bytes: Uint8Array]> = {
      'another version of the index': [0, Uint8Array.of(2)],
      'an index behind the last column': [0, Uint8Array.of(1, ...u32(columns * columnBytes))],
      'an index of 4 GiB': [0, Uint8Array.of(1, ...u32(0xffff_ffff))],
      'a file that ends before it begins': [0, index(start, start)],
      'a file behind the last column': [0, index(columns + 1)],
      'another version of a file': [start, Uint8Array.of(2)],
      'a file behind the end': [start, Uint8Array.of(1, ...u32(columns * columnBytes))],
      'an unknown mask': [start, Uint8Array.of(1, ...u32(300), 2)],
      'an identifier longer than the file': [start, Uint8Array.of(1, ...u32(3), 0, 5, 0, 4)],
    }
    for (const [what, [at, bytes]] of Object.entries(broken)) {
      const reader = openQuilt({
        ...whole,
        async column(asked, options) {
          assert.ok(asked < columns, `${what}: column ${asked}`)
          const column = await whole.column(asked, options)
          if (asked === at) column.set(bytes)
          return column
        },
      })
      const read = async () => {
        for (const { patchId } of await reader.list()) await reader.readByPatchId(patchId)
      }
      await assert.rejects(read(), { code: 'QUILT_INVALID' }, what)
      const beyond = quiltPatchId({ quilt: blobId, start: columns, end: columns + 1 })
      await assert.rejects(reader.readByPatchId(beyond), { code: 'QUILT_INVALID' })
    }
  })

  it('have an index of at most ten columns', async () => {
    const n = 31
    const { data } = await encodeQuilt(files, n)
    const whole = quiltInBlob((await codec.metadata(data, n)).blobId, data, n)
    const asked = new Set<number>()
    const reader = openQuilt({
      ...whole,
      async column(at, options) {
        asked.add(at)
        const column = await whole.column(at, options)
        const length = 11 * column.length - 5
        if (at === 0) column.set([1, length, length >> 8, length >> 16, length >> 24])
        return column
      },
    })
    await assert.rejects(reader.list(), { code: 'QUILT_INVALID' })
    assert.deepEqual([...asked], [0])
  })

  it('refuse two files of the same name, and too much', async () => {
    await assert.rejects(encodeQuilt([...files, files[0]!], 100), { code: 'QUILT_INVALID' })
    const large = [{ identifier: 'large', contents: new Uint8Array(2_000_000) }]
    await assert.rejects(encodeQuilt(large, 10), { code: 'BLOB_TOO_LARGE' })
    // 6 columns of 667 for the large one
    const small = Array.from({ length: 660 }, (_, i) => ({ identifier: `${i}`, contents: new Uint8Array(1) }))
    const wide = [{ identifier: 'large', contents: new Uint8Array(2 ** 26) }, ...small]
    await assert.rejects(encodeQuilt(wide, 1000, { maxBytes: 2 ** 27 }), error => {
      assert.ok(isCodecError(error, 'BLOB_TOO_LARGE'))
      assert.deepEqual(error.details, { maxBytes: 2 ** 27, actualBytes: 33_488 * 334 * 667 })
      return true
    })
    const { length } = (await encodeQuilt(files, 100)).data
    assert.equal((await encodeQuilt(files, 100, { maxBytes: length })).data.length, length)
    await assert.rejects(encodeQuilt(files, 100, { maxBytes: length - 1 }), { code: 'BLOB_TOO_LARGE' })
    const long = [{ identifier: 'x'.repeat(70_000), contents: new Uint8Array() }]
    await assert.rejects(encodeQuilt(long, 100), { code: 'QUILT_INVALID' })
  })

  it('are read from the columns of the file that is asked for, and no others', async () => {
    const n = 31
    const { data, patches } = await encodeQuilt(files, n)
    const blob = await codec.encode(data, n)
    const asked = new Set<number>()
    const source: QuiltSource = {
      ...blob.metadata,
      async column(index) {
        asked.add(index)
        const ref = sliverRef(index, 'secondary', n)
        return sliverBody(blob.metadata, ref, blob.sliver(ref))
      },
    }
    const reader = openQuilt(source)
    const listed = await reader.list()
    assert.deepEqual(
      listed.map(({ patchId, ...patch }) => patch),
      patches,
    )
    for (const { patchId, identifier, start, end } of listed) {
      assert.equal(patchId, officialPatchId(blob.metadata.blobId, start, end))
      asked.clear()
      const file = await reader.readByPatchId(patchId)
      assert.deepEqual(file.contents, files.find(candidate => candidate.identifier === identifier)!.contents)
      assert.deepEqual(
        [...asked].sort((a, b) => a - b),
        Array.from({ length: end - start }, (_, i) => start + i),
      )
    }
    await assert.rejects(reader.readByIdentifier('nothing'), { code: 'QUILT_PATCH_NOT_FOUND' })
    const other = await codec.metadata(Uint8Array.of(1), n)
    const foreign = quiltPatchId({ quilt: other.blobId, start: 1, end: 2 })
    await assert.rejects(reader.readByPatchId(foreign), { code: 'QUILT_PATCH_NOT_FOUND' })
    const beyond = quiltPatchId({ quilt: blob.metadata.blobId, start: 1, end: 22 })
    await assert.rejects(reader.readByPatchId(beyond), { code: 'QUILT_INVALID' })
    const wrong = quiltPatchId({
      quilt: blob.metadata.blobId,
      start: listed[2]!.start,
      end: listed[2]!.end + 1,
    })
    await assert.rejects(reader.readByPatchId(wrong), { code: 'QUILT_INVALID' })
    blob.release()
  })

  it('are read right where @mysten/walrus 1.2 loses bytes: header and contents straddle columns', async () => {
    const n = 13
    const wide = { identifier: 'wide', contents: xorshiftBytes(1, 3000) }
    // fits into a column, and not with the header before it
    const narrow = { identifier: 'narrow', contents: xorshiftBytes(2, 500) }
    const { data } = await encodeQuilt([narrow, wide], n)
    const source = quiltInBlob((await codec.metadata(data, n)).blobId, data, n)
    const reader = openQuilt(source)
    for (const { identifier, contents } of [narrow, wide]) {
      const { start, patchId } = (await reader.list()).find(patch => patch.identifier === identifier)!
      assert.deepEqual((await reader.readByPatchId(patchId)).contents, contents)
      const theirs = await officialRead(source, start)
      assert.equal(theirs.identifier, identifier)
      assert.equal(Buffer.compare(theirs.contents, contents) === 0, identifier === 'wide', identifier)
    }
  })

  it('are not taken from other blobs, whatever is in them', async () => {
    const { data } = await encodeQuilt(files, 13)
    const { blobId } = await codec.metadata(data, 13)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 0, max: 255 }),
        async (at, value) => {
          const altered = data.slice()
          altered[at] = value
          const reader = openQuilt(quiltInBlob(blobId, altered, 13))
          try {
            for (const { identifier } of await reader.list()) await reader.readByIdentifier(identifier)
          } catch (error) {
            assert.match((error as { code: string }).code, /^QUILT_/)
          }
        },
      ),
    )
    for (const nothing of [new Uint8Array(), new Uint8Array(1000), new Uint8Array(1000).fill(0xff)]) {
      await assert.rejects(openQuilt(quiltInBlob(blobId, nothing, 13)).list(), { code: 'QUILT_INVALID' })
    }
  })
})

describe('quilt patch IDs', () => {
  it('have one text', async () => {
    const codec = createCodec({ threads: 0 })
    const { blobId: quilt } = await codec.metadata(new Uint8Array(), 4)
    await codec.close()
    const ref = { quilt, start: 3, end: 700 }
    const text = quiltPatchId(ref)
    assert.deepEqual(parseQuiltPatchId(text), ref)
    const reversed = quiltPatchId({ quilt, start: 9, end: 9 })
    const otherVersion = Buffer.from(text, 'base64url').fill(2, 32, 33).toString('base64url')
    for (const wrong of [
      '',
      text.slice(1),
      `${text}=`,
      `${text.slice(0, -1)}B`,
      quilt,
      reversed,
      otherVersion,
    ]) {
      assert.throws(() => parseQuiltPatchId(wrong), { code: 'INVALID_ID' })
    }
  })
})
