import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  blobIdFromBytes,
  encodedSize,
  encodingParams,
  isQuorum,
  isValidity,
  maxBlobSize,
  pairOfShard,
  quorumWeight,
  type ShardIndex,
  type SliverPairIndex,
  shardOfPair,
  sliverLength,
  storageUnits,
  symbolSize,
} from '../../codec/index.ts'
import { codeGeometry } from '../../codec/jobs/erasures.ts'
import { MAX_SHARDS } from '../../codec/params.ts'

describe('parameters', () => {
  for (const [n, p, s] of [
    [1000, 334, 667],
    [100, 34, 67],
    [10, 4, 7],
    [4, 2, 3],
    [1, 1, 1],
  ] as const) {
    it(`divide a blob among ${n} shards`, () => {
      const params = encodingParams(n)
      assert.deepEqual([params.primarySymbols, params.secondarySymbols], [p, s])
    })
  }

  it('round symbols up to an even size', () => {
    assert.equal(symbolSize(10, 0), 2)
    assert.equal(symbolSize(10, 28 * 2), 2)
    assert.equal(symbolSize(10, 28 * 2 + 1), 4)
    assert.equal(symbolSize(1000, 64 * 2 ** 20), 302)
  })

  it('name the largest blob', () => {
    assert.equal(maxBlobSize(10), 28 * 65_534)
    assert.equal(symbolSize(10, maxBlobSize(10)), 65_534)
    assert.throws(() => symbolSize(10, maxBlobSize(10) + 1), {
      code: 'BLOB_TOO_LARGE',
      details: { maxBytes: 28 * 65_534, actualBytes: 28 * 65_534 + 1 },
    })
  })

  it('refuse what is no length and no number of shards', () => {
    for (const length of [-1, 0.5, Number.NaN, 2 ** 53]) {
      assert.throws(() => symbolSize(10, length), { code: 'INVALID_ARGUMENT' })
    }
    for (const n of [0, -1, 1.5, MAX_SHARDS + 1, Number.NaN]) {
      assert.throws(() => encodingParams(n), { code: 'INVALID_ARGUMENT' })
    }
  })

  it('are those of codes that the field has room for, and of no others', () => {
    const positions = (n: number) => {
      const { primarySymbols, secondarySymbols } = encodingParams(n)
      return Math.max(codeGeometry(primarySymbols, n).size, codeGeometry(secondarySymbols, n).size)
    }
    for (let n = MAX_SHARDS; n > 1; n = Math.floor(n / 1.01)) assert.ok(positions(n) <= 65_536, `${n} shards`)
    // as many as the next network of the same shape would take
    assert.ok(codeGeometry(16_386, 49_156).size > 65_536)
  })

  it('give the length of slivers and of everything', () => {
    // vector: 1 byte on 4 shards, primary `06 e300 0000 0000 0200 0000`
    assert.equal(sliverLength(4, 1, 'primary'), 11)
    assert.equal(sliverLength(4, 1, 'secondary'), 9)
    assert.equal(encodedSize(1000, 1), 1000 * 1001 * 2 + 1000 * 64_032)
    assert.deepEqual([0, 1, 2 ** 20, 2 ** 20 + 1].map(storageUnits), [0, 1, 1, 2])
  })
})

describe('thresholds', () => {
  it('are those of 3f+1', () => {
    for (let n = 1; n < 200; n++) {
      const { maxFaulty } = encodingParams(n)
      assert.equal(isQuorum(n - maxFaulty, n), true)
      assert.equal(isValidity(n - maxFaulty, n), true)
      assert.equal(isValidity(maxFaulty, n), false)
      // two quorums share more than f
      const least = Array.from({ length: n + 1 }, (_, w) => w).find(w => isQuorum(w, n))!
      assert.ok(2 * least - n > maxFaulty)
      assert.equal(quorumWeight(n), least)
    }
  })
})

describe('placement', () => {
  it('is a rotation by the blob ID, big-endian', () => {
    const bytes = new Uint8Array(32)
    bytes[31] = 7
    const id = blobIdFromBytes(bytes)
    assert.equal(shardOfPair(0 as SliverPairIndex, id, 10), 7)
    assert.equal(shardOfPair(5 as SliverPairIndex, id, 10), 2)
    bytes[30] = 1
    assert.equal(shardOfPair(0 as SliverPairIndex, blobIdFromBytes(bytes), 10), (256 + 7) % 10)
  })

  it('goes back and forth', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.integer({ min: 1, max: 1200 }),
        (bytes, n) => {
          const id = blobIdFromBytes(bytes)
          const shards = new Set(
            Array.from({ length: n }, (_, pair) => {
              const shard = shardOfPair(pair as SliverPairIndex, id, n)
              assert.equal(pairOfShard(shard, id, n), pair)
              return shard
            }),
          )
          assert.equal(shards.size, n)
        },
      ),
      { numRuns: 20 },
    )
  })

  it('refuses indices out of range', () => {
    const id = blobIdFromBytes(new Uint8Array(32))
    assert.throws(() => shardOfPair(10 as SliverPairIndex, id, 10), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => pairOfShard(-1 as ShardIndex, id, 10), { code: 'INVALID_ARGUMENT' })
  })
})
