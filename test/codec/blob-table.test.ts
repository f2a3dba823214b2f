import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  blobIdFromBytes,
  MAX_TABLE_PAGE_BYTES,
  objectIdFromBytes,
  pageHash,
  rowsHash,
  TABLE_END,
  TableDecoder,
  TableEncoder,
  type TableEntry,
  type TableHead,
  tableDigest,
} from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const epoch = fc.integer({ min: 0, max: 0xffff_ffff }).map(value => value as Epoch)
const event = fc.record(
  {
    txDigest: fc.stringMatching(/^[1-9A-HJ-NP-Za-km-z]{1,64}$/),
    eventSeq: fc.integer({ min: 0, max: 0xffff_ffff }),
  },
  { noNullPrototype: true },
)
const registration = fc.record(
  {
    objectId: bytes32.map(objectIdFromBytes),
    deletable: fc.boolean(),
    certified: fc.boolean(),
    endEpoch: epoch,
    event,
  },
  { requiredKeys: ['objectId', 'deletable', 'certified', 'endEpoch'], noNullPrototype: true },
)
const entry: fc.Arbitrary<TableEntry> = fc.record(
  {
    blobId: bytes32.map(blobIdFromBytes),
    registrations: fc.uniqueArray(registration, { maxLength: 5, selector: one => one.objectId }),
    size: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    initialCertifiedEpoch: epoch,
    invalid: fc.constant(true),
    invalidEvent: event,
  },
  { requiredKeys: ['blobId', 'registrations'], noNullPrototype: true },
)
const order = (id: string) => Buffer.from(id, 'base64url').toString('hex')
const table = fc
  .uniqueArray(entry, { maxLength: 30, selector: one => one.blobId })
  .map(entries => entries.sort((a, b) => (order(a.blobId) < order(b.blobId) ? -1 : 1)))

const sorted = (entries: readonly TableEntry[]) =>
  entries.map(one => ({
    ...one,
    registrations: one.registrations.toSorted((a, b) => (a.objectId < b.objectId ? -1 : 1)),
  }))

function encode(entries: readonly TableEntry[]): Uint8Array[] {
  const encoder = new TableEncoder()
  return [...entries.flatMap(one => [...encoder.add(one)]), ...encoder.end()]
}

function decode(pages: readonly Uint8Array[]): TableEntry[] {
  const decoder = new TableDecoder()
  const entries = pages.flatMap(page => [...decoder.page(page)])
  decoder.end()
  return entries
}

const malformed = { name: 'CodecError', code: 'MALFORMED' }

describe('codec: blob tables', () => {
  it('come back as they were, registrations in order whatever theirs was', () => {
    fc.assert(
      fc.property(table, entries => {
        assert.deepEqual(decode(encode(entries)), sorted(entries))
        const reversed = entries.map(one => ({ ...one, registrations: one.registrations.toReversed() }))
        assert.deepEqual(encode(reversed), encode(entries))
      }),
    )
  })

  it('have one encoding: what is cut off, added or changed is another table or none', () => {
    fc.assert(
      fc.property(
        table.filter(({ length }) => length > 0),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (entries, where, flip) => {
          const [page] = encode(entries)
          assert.throws(() => decode([page!.subarray(0, -1)]), malformed)
          const changed = page!.slice()
          changed[where % changed.length]! ^= flip
          let decoded: TableEntry[]
          try {
            decoded = decode([changed])
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'MALFORMED')
            return
          }
          assert.deepEqual(encode(decoded), [changed])
        },
      ),
    )
  })

  it('refuse repeated blobs, and such as are out of order', () => {
    const of = (byte: number): TableEntry => ({
      blobId: blobIdFromBytes(new Uint8Array(32).fill(byte)),
      registrations: [],
    })
    for (const entries of [
      [of(1), of(1)],
      [of(2), of(1)],
    ])
      assert.throws(() => decode(encode(entries)), malformed)
  })

  it('refuse repeated registrations, such as are out of order, and a digest without end', () => {
    const blobId = blobIdFromBytes(new Uint8Array(32).fill(1))
    const of = (digit: string, txDigest = 'd') => ({
      objectId: `0x${digit.repeat(64)}` as ObjectId,
      deletable: true,
      certified: false,
      endEpoch: 9 as Epoch,
      event: { txDigest, eventSeq: 0 },
    })
    /** As an encoder writes them that neither sorts nor cuts anything. */
    const rows = (...registrations: ReturnType<typeof of>[]) => {
      const [head] = encode([{ blobId, registrations: [] }])
      const begun = head!.slice()
      new DataView(begun.buffer).setUint32(begun.length - 4, registrations.length, true)
      const each = registrations.map(one => {
        const [page] = encode([{ blobId, registrations: [one] }])
        return page!.subarray(head!.length)
      })
      return Buffer.concat([begun, ...each])
    }
    assert.equal(decode([rows(of('1'), of('2'))])[0]!.registrations.length, 2)
    assert.throws(() => decode([rows(of('1'), of('1'))]), malformed)
    assert.throws(() => decode([rows(of('2'), of('1'))]), malformed)
    // the length stands before the digest, which stands before four bytes of index
    const long = Buffer.from(rows(of('1', 'd'.repeat(64))))
    const at = long.length - 4 - 64 - 1
    assert.equal(long[at], 64)
    long[at] = 65
    assert.throws(
      () => decode([Buffer.concat([long.subarray(0, at + 1), Buffer.from('d'), long.subarray(at + 1)])]),
      malformed,
    )
  })

  it('cut a blob of very many registrations into pages of bounded size', () => {
    const registrations = Array.from({ length: 5_000 }, (_, i) => ({
      objectId: `0x${i.toString(16).padStart(64, '0')}` as ObjectId,
      deletable: true,
      certified: false,
      endEpoch: 9 as Epoch,
      event: { txDigest: 'd'.repeat(64), eventSeq: i },
    }))
    const blobId = blobIdFromBytes(new Uint8Array(32).fill(1))
    const pages = encode([{ blobId, registrations }])
    assert.ok(pages.length > 5)
    for (const page of pages) assert.ok(page.length <= MAX_TABLE_PAGE_BYTES)
    assert.deepEqual(decode(pages), [{ blobId, registrations }])
    assert.throws(() => decode(pages.slice(0, -1)), malformed)
  })

  it('have a digest that tells each page in turn, and everything else that it stands for', () => {
    const pages = [1, 2, 3].map(byte => new Uint8Array(10).fill(byte))
    const hashes = [TABLE_END]
    for (const rows of pages.toReversed()) hashes.unshift(pageHash(rowsHash(rows), hashes[0]!))
    assert.equal(new Set(hashes.map(hash => Buffer.from(hash).toString('hex'))).size, 4)
    // what is behind a page counts, not only what is on it
    assert.notDeepEqual(pageHash(rowsHash(pages[0]!), hashes[1]!), pageHash(rowsHash(pages[0]!), hashes[2]!))
    const network = `0x${'ab'.repeat(32)}` as ObjectId
    const head: TableHead = { epoch: 3 as Epoch, cursor: 'c', blobs: 3, pages: 3, first: hashes[0]! }
    const digests = [
      tableDigest(network, head),
      tableDigest(`0x${'cd'.repeat(32)}` as ObjectId, head),
      ...[{ epoch: 4 as Epoch }, { cursor: 'd' }, { blobs: 4 }, { pages: 4 }, { first: hashes[1]! }].map(
        change => tableDigest(network, { ...head, ...change }),
      ),
    ]
    assert.equal(new Set(digests.map(digest => Buffer.from(digest).toString('hex'))).size, digests.length)
  })
})
