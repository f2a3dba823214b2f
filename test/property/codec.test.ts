import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type Axis,
  type CodecError,
  createCodec,
  encodingParams,
  maxBlobSize,
  metadataRoot,
  rangeSlivers,
  sliverLength,
  verifyMetadata,
} from '../../codec/index.ts'
import { enough, ref, sliversOf } from '../codec/support/data.ts'

/** Blobs that fit their shards. */
const blobs = fc
  .integer({ min: 1, max: 40 })
  .chain(n =>
    fc.record({ n: fc.constant(n), data: fc.uint8Array({ maxLength: Math.min(3000, maxBlobSize(n)) }) }),
  )
const axes = fc.constantFrom<Axis>('primary', 'secondary')

describe('properties of the codec', () => {
  const codec = createCodec({ threads: 0 })
  after(() => codec.close())

  it('any slivers that suffice give the blob back, whatever else is among them', async () => {
    await fc.assert(
      fc.asyncProperty(blobs, axes, fc.infiniteStream(fc.nat()), async ({ n, data }, axis, numbers) => {
        const blob = await codec.encode(data, n)
        const random = (below: number) => numbers.next().value % below
        const pairs = Array.from({ length: n }, (_, i) => i).sort(() => random(3) - 1)
        const slivers = sliversOf(blob, axis, pairs.slice(0, enough(n, axis) + random(3)))
        const other = axis === 'primary' ? 'secondary' : 'primary'
        slivers.splice(random(slivers.length + 1), 0, ...sliversOf(blob, other, [random(n)]))
        assert.deepEqual(await codec.decode({ metadata: blob.metadata, slivers }), data)
        blob.release()
      }),
      { numRuns: 60 },
    )
  })

  it('many slivers at a time are what they are one by one, whatever is wrong with some', async () => {
    const lists = fc.array(fc.record({ blob: blobs, axis: axes, pair: fc.nat(), damage: fc.nat() }), {
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(lists, async list => {
        const slivers = []
        for (const { blob: each, axis, pair, damage } of list) {
          const encoded = await codec.encode(each.data, each.n)
          const at = ref(pair % each.n, axis)
          const bytes = encoded.sliver(at)
          // of four one is right, one has a wrong byte, one is cut and one is taken for another
          if (damage % 4 === 1) bytes[damage % bytes.length]! ^= 1 + (damage % 255)
          const kept = damage % 4 === 2 ? bytes.subarray(0, damage % bytes.length) : bytes
          const other = damage % 4 === 3 ? ref(damage % (each.n + 1), axis) : at
          slivers.push({ metadata: encoded.metadata, ref: other, bytes: kept })
          encoded.release()
        }
        const alone = await Promise.allSettled(
          slivers.map(({ metadata, ref: at, bytes }) => codec.verifySliver(metadata, at, bytes)),
        )
        const told = (error: CodecError | undefined) => error && [error.code, error.details]
        assert.deepEqual(
          (await codec.verifySlivers(slivers)).map(told),
          alone.map(one => (one.status === 'rejected' ? told(one.reason) : undefined)),
        )
      }),
      { numRuns: 40 },
    )
  })

  it('any sources that suffice bring any lost slivers back, all at a time', async () => {
    await fc.assert(
      fc.asyncProperty(blobs, axes, fc.infiniteStream(fc.nat()), async ({ n, data }, axis, numbers) => {
        const blob = await codec.encode(data, n)
        const { metadata } = blob
        const random = (below: number) => numbers.next().value % below
        const other = axis === 'primary' ? 'secondary' : 'primary'
        const pairs = Array.from({ length: n }, (_, i) => i).sort(() => random(3) - 1)
        const targets = pairs.slice(random(n)).map(pair => ref(pair, axis))
        const sources = sliversOf(blob, other, pairs.slice(0, enough(n, other) + random(2)))
        const symbols = await codec.symbolsFor(
          sources.map(({ ref: source, bytes }) => ({ metadata, source, bytes, targets })),
        )
        const received = symbols.map(({ value }) => value!)
        const recovered = await codec.recoverSlivers({ metadata, targets, received })
        assert.deepEqual(
          recovered.map(({ value }) => value),
          targets.map(target => blob.sliver(target)),
        )
        blob.release()
      }),
      { numRuns: 60 },
    )
  })

  it('metadata and slivers depend on every bit, and on nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(blobs, fc.nat(), async ({ n, data }, at) => {
        const metadata = await codec.metadata(data, n)
        assert.deepEqual(await codec.metadata(data.slice(), n), metadata)
        verifyMetadata(metadata)
        assert.equal(metadataRoot(metadata).length, 32)
        if (data.length === 0) return
        const changed = data.slice()
        changed[at % data.length]! ^= 1 << (at % 8)
        assert.notEqual((await codec.metadata(changed, n)).blobId, metadata.blobId)
        assert.notEqual((await codec.metadata(data.subarray(0, -1), n)).blobId, metadata.blobId)
      }),
      { numRuns: 60 },
    )
  })

  it('the code is linear: slivers of a sum are the sums of slivers', async () => {
    const pair = blobs.chain(({ n, data }) =>
      fc.record({
        n: fc.constant(n),
        a: fc.constant(data),
        b: fc.uint8Array({ minLength: data.length, maxLength: data.length }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(pair, axes, fc.nat(), async ({ n, a, b }, axis, index) => {
        const encode = async (data: Uint8Array) => {
          const blob = await codec.encode(data, n)
          const bytes = blob.sliver(ref(index % n, axis))
          blob.release()
          return bytes
        }
        const [x, y, sum] = await Promise.all([
          encode(a),
          encode(b),
          encode(a.map((byte, i) => byte ^ b[i]!)),
        ])
        // the frame around the symbols is the same in all three
        const end = x.length - 4
        for (let i = end - encodedSymbols(x); i < end; i++) assert.equal(sum[i], x[i]! ^ y[i]!)
      }),
      { numRuns: 60 },
    )
  })

  it('sizes are what they are said to be', async () => {
    await fc.assert(
      fc.asyncProperty(blobs, axes, async ({ n, data }, axis) => {
        const blob = await codec.encode(data, n)
        assert.equal(blob.view(ref(n - 1, axis)).length, sliverLength(n, data.length, axis))
        blob.release()
        const rows = rangeSlivers(blob.metadata, 0, data.length).length
        assert.ok(rows <= encodingParams(n).primarySymbols)
      }),
      { numRuns: 40 },
    )
  })
})

/** Bytes of a sliver's symbols, by its BCS length prefix. */
function encodedSymbols(bytes: Uint8Array): number {
  let length = 0
  for (let i = 0, shift = 0; ; i++, shift += 7) {
    length += (bytes[i]! & 0x7f) << shift
    if (bytes[i]! < 0x80) return length
  }
}
