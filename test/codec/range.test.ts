import assert from 'node:assert/strict'
import { createCodec, type EncodedBlob, rangeSlivers } from '../../codec/index.ts'
import { ref, sliversOf, xorshiftBytes, xorshiftIntegers } from './support/data.ts'

describe('ranges of a blob', () => {
  const codec = createCodec({ threads: 0 })
  const n = 31
  const data = xorshiftBytes(5, 20_001)
  let blob: EncodedBlob

  before(async () => {
    blob = await codec.encode(data, n)
  })
  after(() => codec.close())

  it('need only the rows that hold them', async () => {
    const { metadata } = blob
    const random = xorshiftIntegers(3)
    const ranges = Array.from({ length: 100 }, () => {
      const start = random(data.length + 1)
      return [start, start + random(data.length + 1 - start)] as const
    })
    for (const [start, end] of [...ranges, [0, data.length], [0, 0], [data.length, data.length]] as const) {
      const slivers = rangeSlivers(metadata, start, end).map(wanted => ({
        ref: wanted,
        bytes: blob.sliver(wanted),
      }))
      assert.deepEqual(await codec.decodeRange({ metadata, slivers, start, end }), data.slice(start, end))
    }
  })

  it('are decoded from whatever suffices when a row is missing', async () => {
    const { metadata } = blob
    const pairs = Array.from({ length: 21 }, (_, i) => i + 10)
    for (const axis of ['primary', 'secondary'] as const) {
      const slivers = sliversOf(blob, axis, pairs)
      assert.deepEqual(
        await codec.decodeRange({ metadata, slivers, start: 5, end: 5005 }),
        data.slice(5, 5005),
      )
    }
  })

  it('are not taken from a wrong sliver', async () => {
    const { metadata } = blob
    const bytes = blob.sliver(ref(0, 'primary'))
    bytes[20]! ^= 1
    const slivers = [{ ref: ref(0, 'primary'), bytes }]
    await assert.rejects(codec.decodeRange({ metadata, slivers, start: 0, end: 10 }), {
      code: 'SLIVER_MISMATCH',
    })
    await assert.rejects(codec.decodeRange({ metadata, slivers: [], start: 0, end: 10 }), {
      code: 'TOO_FEW_SLIVERS',
    })
  })

  it('are no longer looked for once the signal says so', async () => {
    const { metadata } = blob
    const signal = AbortSignal.abort(new Error('enough'))
    for (const pairs of [[0], Array.from({ length: 21 }, (_, i) => i + 10)]) {
      const slivers = sliversOf(blob, 'primary', pairs)
      await assert.rejects(codec.decodeRange({ metadata, slivers, start: 0, end: 10, signal }), /enough/)
    }
  })

  it('lie within the blob', () => {
    for (const [start, end] of [
      [-1, 5],
      [5, 4],
      [0, 20_002],
      [0.5, 1],
    ] as const) {
      assert.throws(() => rangeSlivers(blob.metadata, start, end), { code: 'INVALID_ARGUMENT' })
    }
  })
})
