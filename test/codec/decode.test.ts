import assert from 'node:assert/strict'
import {
  type Axis,
  type BlobMetadata,
  type Codec,
  createCodec,
  type EncodedBlob,
  type SliverBytes,
} from '../../codec/index.ts'
import { enough, ref, sample, sliversOf, xorshiftBytes, xorshiftIntegers } from './support/data.ts'

const AXES: Axis[] = ['primary', 'secondary']

for (const options of [
  { threads: 0, build: 'plain' },
  { threads: 1, build: 'relaxed' },
  { threads: 2, build: 'relaxed' },
  { threads: 2, build: 'plain' },
] as const) {
  describe(`decode (${options.build} kernel, ${options.threads} threads)`, () => {
    const codec = createCodec(options)
    after(() => codec.close())

    for (const [n, length] of [
      [1, 5],
      [2, 5],
      [3, 5],
      [4, 0],
      [5, 1],
      [7, 1000],
      [10, 30_000],
      [13, 65_537],
      [31, 100_000],
      [100, 100_000],
      [301, 333_333],
    ] as const) {
      it(`brings back ${length} bytes from ${n} shards`, async () => {
        const data = xorshiftBytes(n + 1, length)
        const blob = await codec.encode(data, n)
        const random = xorshiftIntegers(length + 7)
        for (const axis of AXES) {
          const count = enough(n, axis)
          const all = Array.from({ length: n }, (_, i) => i)
          for (const pairs of [all.slice(0, count), all.slice(n - count), sample(random, n, count), all]) {
            const slivers = sliversOf(blob, axis, pairs)
            assert.deepEqual(await codec.decode({ metadata: blob.metadata, slivers }), data)
            assert.deepEqual(await codec.decode({ metadata: blob.metadata, slivers, verify: false }), data)
          }
        }
        blob.release()
      })
    }
  })
}

describe('decode', () => {
  const codec: Codec = createCodec({ threads: 1 })
  const n = 10
  const data = xorshiftBytes(3, 5000)
  let blob: EncodedBlob
  let metadata: BlobMetadata
  const primary = (...pairs: number[]): SliverBytes[] => sliversOf(blob, 'primary', pairs)

  before(async () => {
    blob = await codec.encode(data, n)
    metadata = blob.metadata
  })
  after(() => codec.close())

  it('counts distinct slivers of one axis', async () => {
    const slivers = [...primary(0, 1, 2, 2, 0), ...sliversOf(blob, 'secondary', [0, 1, 2, 3, 4, 5])]
    await assert.rejects(codec.decode({ metadata, slivers }), {
      code: 'TOO_FEW_SLIVERS',
      details: { neededPrimary: 4, neededSecondary: 7, gotPrimary: 3, gotSecondary: 6 },
    })
    await assert.rejects(codec.decode({ metadata, slivers: [] }), { code: 'TOO_FEW_SLIVERS' })
  })

  it('takes a repeated sliver once', async () => {
    assert.deepEqual(await codec.decode({ metadata, slivers: primary(9, 9, 8, 7, 7, 6) }), data)
  })

  it('takes the first of several by the same name, and those with the lowest rows', async () => {
    const wrong = (pair: number): SliverBytes => {
      const [{ bytes, ...sliver }] = primary(pair) as [SliverBytes]
      return { ...sliver, bytes: bytes.with(50, bytes[50]! ^ 1) }
    }
    const mismatch = { code: 'BLOB_ID_MISMATCH' }
    const others = primary(1, 2, 3)
    assert.deepEqual(await codec.decode({ metadata, slivers: [...primary(0), wrong(0), ...others] }), data)
    await assert.rejects(codec.decode({ metadata, slivers: [wrong(0), ...primary(0), ...others] }), mismatch)
    assert.deepEqual(await codec.decode({ metadata, slivers: [wrong(9), ...primary(0), ...others] }), data)
    const range = { metadata, start: 0, end: 60 }
    const first = [...primary(0), wrong(0)]
    assert.deepEqual(await codec.decodeRange({ ...range, slivers: first }), data.slice(0, 60))
    await assert.rejects(codec.decodeRange({ ...range, slivers: first.toReversed() }), {
      code: 'SLIVER_MISMATCH',
    })
  })

  it('finds that a sliver is wrong', async () => {
    for (const pair of [0, 3, 5, 9]) {
      const slivers = primary(pair, (pair + 1) % n, (pair + 2) % n, (pair + 3) % n)
      slivers[0]!.bytes[50]! ^= 1
      await assert.rejects(codec.decode({ metadata, slivers }), { code: 'BLOB_ID_MISMATCH' })
    }
  })

  it('finds that slivers are of another blob of the same size', async () => {
    const other = await codec.encode(xorshiftBytes(4, data.length), n)
    const slivers = sliversOf(other, 'secondary', [0, 1, 2, 3, 4, 5, 6])
    await assert.rejects(codec.decode({ metadata, slivers }), { code: 'BLOB_ID_MISMATCH' })
    other.release()
  })

  it('takes what lies behind the last byte for zero, as the blob ID does', async () => {
    const slivers = primary(0, 1, 2, 3)
    slivers[3]!.bytes[slivers[3]!.bytes.length - 5]! ^= 1
    assert.deepEqual(await codec.decode({ metadata, slivers }), data)
  })

  const alterations: Record<string, (bytes: Uint8Array) => Uint8Array> = {
    empty: () => new Uint8Array(),
    'a byte short': bytes => bytes.subarray(0, -1),
    'a byte long': bytes => Uint8Array.from([...bytes, 0]),
    'of another length prefix': bytes => bytes.with(0, bytes[0]! ^ 1),
    'of another symbol size': bytes => bytes.with(-4, bytes.at(-4)! ^ 2),
    'of another index': bytes => bytes.with(-2, bytes.at(-2)! ^ 1),
  }
  for (const [what, alter] of Object.entries(alterations)) {
    it(`refuses a sliver that is ${what}`, async () => {
      for (const axis of AXES) {
        const bytes = alter(blob.sliver(ref(4, axis)))
        const malformed = { code: 'SLIVER_MALFORMED' }
        await assert.rejects(codec.verifySliver(metadata, ref(4, axis), bytes), malformed)
        const slivers = [...primary(0, 1, 2, 3), { ref: ref(4, axis), bytes }]
        await assert.rejects(codec.decode({ metadata, slivers }), malformed)
      }
    })
  }

  it('refuses a pair that there is not', async () => {
    for (const pair of [-1, 10, 0.5, Number.NaN]) {
      const bytes = blob.sliver(ref(0, 'primary'))
      await assert.rejects(codec.verifySliver(metadata, ref(pair, 'primary'), bytes), {
        code: 'INVALID_ARGUMENT',
      })
      assert.throws(() => blob.sliver(ref(pair, 'primary')), { code: 'INVALID_ARGUMENT' })
    }
  })

  it('verifies every sliver, and none that was altered anywhere', async () => {
    const random = xorshiftIntegers(5)
    for (const axis of AXES) {
      for (let pair = 0; pair < n; pair++) {
        const bytes = blob.sliver(ref(pair, axis))
        await codec.verifySliver(metadata, ref(pair, axis), bytes)
        const at = 2 + random(bytes.length - 6)
        await assert.rejects(
          codec.verifySliver(metadata, ref(pair, axis), bytes.with(at, bytes[at]! ^ 0x10)),
          {
            code: 'SLIVER_MISMATCH',
          },
        )
      }
    }
  })

  it('does not take a sliver for one of another pair or axis', async () => {
    const small = await codec.encode(Uint8Array.of(1), 1)
    // one row, one column, one symbol: only the metadata tells them apart, and here it is the same
    await codec.verifySliver(small.metadata, ref(0, 'secondary'), small.sliver(ref(0, 'primary')))
    small.release()
    const other = blob.sliver(ref(1, 'primary')).with(-2, 0)
    await assert.rejects(codec.verifySliver(metadata, ref(0, 'primary'), other), { code: 'SLIVER_MISMATCH' })
  })
})
