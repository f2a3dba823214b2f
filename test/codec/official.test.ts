import assert from 'node:assert/strict'
import { BlobEncoder } from '@mysten/walrus-wasm'
import {
  type Codec,
  createCodec,
  encodingParams,
  type KernelBuild,
  maxBlobSize,
  sliverLength,
} from '../../codec/index.ts'
import { enough, ref, sample, sliversOf, xorshiftBytes, xorshiftIntegers } from './support/data.ts'
import { officialEncode } from './support/official.ts'

/** Shapes that the fuzzer draws seldom: around powers of two, where the code changes its layout. */
const SHARDS = [4, 5, 6, 7, 10, 16, 22, 31, 33, 64, 97, 100, 128, 192, 193]

describe('differential against the official encoder', () => {
  const codecs: Codec[] = []
  after(() => Promise.all(codecs.map(codec => codec.close())))

  for (const [build, threads] of [
    ['relaxed', 2],
    ['plain', 0],
  ] as [KernelBuild, number][]) {
    it(`gives the same bytes (${build}, ${threads} threads)`, async () => {
      const codec = createCodec({ build, threads })
      codecs.push(codec)
      const random = xorshiftIntegers(threads + 1)
      for (const n of SHARDS) {
        const { primarySymbols: p, secondarySymbols: s } = encodingParams(n)
        // symbols of 2 bytes and odd blocks, and the last symbol exactly full
        for (const length of [
          random(2 * p * s),
          p * s * 2 * (1 + random(200)),
          p * s * 700 + random(p * s),
        ]) {
          const data = xorshiftBytes(n * 1000 + length, length)
          if (random(3) === 0) data.fill(0, random(length + 1))
          const official = officialEncode(data, n)
          const blob = await codec.encode(data, n)
          const label = `${n} shards, ${length} bytes`
          assert.equal(blob.metadata.blobId, official.blobId, label)
          for (let pair = 0; pair < n; pair++) {
            assert.deepEqual(blob.sliver(ref(pair, 'primary')), official.primary[pair], label)
            assert.deepEqual(blob.sliver(ref(pair, 'secondary')), official.secondary[pair], label)
          }
          blob.release()
        }
      }
    })
  }

  // the kernel has variants of its hash for last blocks of few words; 31 to 33 shards leave every remainder of 3
  for (const build of ['relaxed', 'plain'] as KernelBuild[]) {
    it(`hashes symbols of every length (${build})`, async function () {
      this.timeout(60_000)
      const codec = createCodec({ build, threads: 0 })
      codecs.push(codec)
      for (let size = 2; size <= 2 * 128 + 4; size += 2) {
        const n = 31 + (size % 3)
        const { primarySymbols: p, secondarySymbols: s } = encodingParams(n)
        const data = xorshiftBytes(size, p * s * size)
        const blob = await codec.encode(data, n)
        assert.equal(blob.metadata.blobId, officialEncode(data, n).blobId, `symbols of ${size} bytes`)
        blob.release()
      }
    })
  }

  it('gives the same where symbols grow, for every small number of shards', async () => {
    const codec = createCodec({ threads: 0 })
    codecs.push(codec)
    for (let n = 4; n <= 20; n++) {
      const { primarySymbols: p, secondarySymbols: s } = encodingParams(n)
      // one symbol more or less; a block of 64 bytes, a piece of 8 blocks, and a piece and a block exactly full
      const edges = [2, 64, 512, 576, 65_532].map(size => size * p * s)
      const lengths = [0, 1, ...edges.flatMap(full => [full - 1, full, full + 1]), maxBlobSize(n)]
      for (const length of n < 10 ? lengths : lengths.filter(bytes => bytes < 50_000)) {
        const data = xorshiftBytes(n + length, length)
        const official = officialEncode(data, n)
        const blob = await codec.encode(data, n)
        const label = `${n} shards, ${length} bytes`
        assert.equal(blob.metadata.blobId, official.blobId, label)
        for (let pair = 0; pair < n; pair++) {
          for (const axis of ['primary', 'secondary'] as const) {
            const same = Buffer.compare(blob.view(ref(pair, axis)), official[axis][pair]!) === 0
            assert.ok(same, `${axis} sliver ${pair}: ${label}`)
          }
        }
        // the last rows and columns: repairs, as far as there are any
        for (const axis of ['primary', 'secondary'] as const) {
          const pairs = Array.from({ length: enough(n, axis) }, (_, i) => n - 1 - i)
          const slivers = sliversOf(blob, axis, pairs)
          const decoded = await codec.decode({ metadata: blob.metadata, slivers })
          assert.ok(Buffer.compare(decoded, data) === 0, `decode from ${axis} slivers: ${label}`)
        }
        blob.release()
      }
    }
  })

  it('decodes what the official encoder made, and the other way round', async () => {
    const codec = createCodec({ threads: 1 })
    codecs.push(codec)
    const random = xorshiftIntegers(9)
    for (const n of [7, 31, 100]) {
      const { primarySymbols: p } = encodingParams(n)
      const data = xorshiftBytes(n, 50_000)
      const blob = await codec.encode(data, n)
      const pairs = sample(random, n, p)
      const encoder = new BlobEncoder(n)
      const out = new Uint8Array(data.length)
      const slivers = sliversOf(blob, 'primary', pairs)
      encoder.decode(
        Array.from(Buffer.from(blob.metadata.blobId, 'base64url')),
        BigInt(data.length),
        slivers.map(({ bytes }) => bytes),
        out,
      )
      encoder.free()
      assert.deepEqual(out, data)
      assert.equal(slivers[0]!.bytes.length, sliverLength(n, data.length, 'primary'))
      blob.release()
    }
  })
})
