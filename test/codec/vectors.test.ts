import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Axis, EncodedBlob, KernelBuild } from '../../codec/index.ts'
import { createCodec } from '../../codec/index.ts'
import { ref, xorshiftBytes } from './support/data.ts'

interface Vector {
  n_shards: number
  unencoded_length: number
  seed: number
  data_sha256: string
  blob_id: string
  metadata_root: string
  hashes_sha256: string
  primary_bcs_sha256: string
  secondary_bcs_sha256: string
  primary_bcs?: string[]
  secondary_bcs?: string[]
  hashes?: { primary_hash: string; secondary_hash: string }[]
}

const vectors = JSON.parse(
  await readFile(new URL('../vectors/redstuff.json', import.meta.url), 'utf8'),
) as Vector[]

const sha256 = (...parts: Uint8Array[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const slivers = (blob: EncodedBlob, axis: Axis, n: number) =>
  Array.from({ length: n }, (_, pair) => blob.sliver(ref(pair, axis)))

const combinations: { threads: number; build: KernelBuild; largest: number }[] = [
  { threads: 0, build: 'relaxed', largest: 301 },
  { threads: 0, build: 'plain', largest: 1000 },
  { threads: 1, build: 'plain', largest: 301 },
  { threads: 1, build: 'relaxed', largest: 301 },
  { threads: 2, build: 'plain', largest: 301 },
  { threads: 2, build: 'relaxed', largest: 1000 },
]

for (const { threads, build, largest } of combinations) {
  describe(`known answers (${build} kernel, ${threads} threads)`, () => {
    const codec = createCodec({ threads, build })
    after(() => codec.close())

    for (const vector of vectors.filter(({ n_shards }) => n_shards <= largest)) {
      it(`${vector.unencoded_length} bytes on ${vector.n_shards} shards`, async () => {
        const n = vector.n_shards
        const data = xorshiftBytes(vector.seed, vector.unencoded_length)
        assert.equal(sha256(data), vector.data_sha256)

        const blob = await codec.encode(data, n)
        assert.equal(blob.metadata.blobId, vector.blob_id)
        assert.equal(hex(blob.rootHash), vector.metadata_root)
        assert.equal(sha256(blob.metadata.hashes), vector.hashes_sha256)
        const primary = slivers(blob, 'primary', n)
        const secondary = slivers(blob, 'secondary', n)
        assert.equal(sha256(...primary), vector.primary_bcs_sha256)
        assert.equal(sha256(...secondary), vector.secondary_bcs_sha256)
        if (vector.primary_bcs) assert.deepEqual(primary.map(hex), vector.primary_bcs)
        if (vector.secondary_bcs) assert.deepEqual(secondary.map(hex), vector.secondary_bcs)
        const hashes = vector.hashes?.map(pair => pair.primary_hash + pair.secondary_hash).join('')
        if (hashes) assert.equal(hex(blob.metadata.hashes), hashes)
        blob.release()

        assert.deepEqual(await codec.metadata(data, n), blob.metadata)
      })
    }
  })
}
