import { strict as assert } from 'node:assert'
import { createCipheriv } from 'node:crypto'
import { blobIdFromBytes, blobIdToBytes } from '../../../../codec/index.ts'
import type { BlobId, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { BlobDraw, questionsOf } from '../../../../node/storage/challenge/draw.ts'
import { Random } from '../../../support/random.ts'

interface Blob {
  blobId: BlobId
  weight: number
}

const random = new Random('draw')
const seedOf = (number: number): Uint8Array => new Random(`seed ${number}`).bytes(32)
const blobsOf = (count: number, weight: () => number): Blob[] =>
  Array.from({ length: count }, () => ({ blobId: blobIdFromBytes(random.bytes(32)), weight: weight() }))
const manyWeights = (): number => 1 + Math.floor(Math.exp(random.next() * 6))

function draw(seed: Uint8Array, blobs: readonly Blob[], count: number): BlobId[] {
  const drawn = new BlobDraw<Blob>(seed, count)
  for (const blob of blobs) drawn.add(blob, blob.weight)
  return drawn.drawn().map(({ blobId }) => blobId)
}

/** The same by the definition, one by one and exactly. */
function byDefinition(seed: Uint8Array, blobs: readonly Blob[], count: number): BlobId[] {
  const value = (blobId: BlobId): bigint => {
    const cipher = createCipheriv('aes-256-ecb', seed, null).setAutoPadding(false)
    return BigInt(`0x${cipher.update(blobIdToBytes(blobId).subarray(0, 16)).toString('hex')}`)
  }
  return blobs
    .map(({ blobId, weight }) => ({ blobId, value: value(blobId), weight: BigInt(weight) }))
    .sort((a, b) => (a.value * b.weight < b.value * a.weight ? -1 : 1))
    .slice(0, count)
    .map(({ blobId }) => blobId)
}

describe('draw of a round of challenges', () => {
  it('takes the smallest of all by its definition, whatever the order in which blobs come', () => {
    const blobs = blobsOf(5_000, manyWeights)
    for (const count of [1, 40, 640]) {
      const expected = byDefinition(seedOf(1), blobs, count)
      assert.deepEqual(draw(seedOf(1), blobs, count), expected)
      assert.deepEqual(draw(seedOf(1), random.shuffled(blobs), count), expected)
    }
    assert.notDeepEqual(draw(seedOf(2), blobs, 40), draw(seedOf(1), blobs, 40))
  })

  it('takes all where there are fewer, and none of none', () => {
    const blobs = blobsOf(3, () => 1)
    assert.deepEqual(draw(seedOf(1), blobs, 40).toSorted(), blobs.map(({ blobId }) => blobId).toSorted())
    assert.deepEqual(draw(seedOf(1), [], 40), [])
  })

  it('draws by weight: who pays for ten times as much is asked ten times as often', () => {
    const light = blobsOf(200, () => 1)
    const heavy = blobsOf(20, () => 10)
    const isHeavy = new Set(heavy.map(({ blobId }) => blobId))
    const rounds = 400
    let hits = 0
    for (let round = 0; round < rounds; round++) {
      if (isHeavy.has(draw(seedOf(round), [...light, ...heavy], 1)[0]!)) hits++
    }
    // half of the units; 4 sigma
    assert.ok(Math.abs(hits - rounds / 2) < 4 * Math.sqrt(rounds / 4), `${hits} of ${rounds}`)
  })

  it('is not moved by a thousand blobs of one unit but for their share', () => {
    const victim = blobsOf(1, () => 100)[0]!
    const junk = blobsOf(1_000, () => 1)
    let hits = 0
    const rounds = 300
    for (let round = 0; round < rounds; round++) {
      if (draw(seedOf(round), [victim, ...junk], 1)[0] === victim.blobId) hits++
    }
    const expected = rounds / 11
    assert.ok(Math.abs(hits - expected) < 4 * Math.sqrt(expected), `${hits} of ${rounds}`)
  })

  it('finds a node that lacks a share of the paid bytes as often as predicted, whichever blobs those are of', function () {
    this.timeout(60_000)
    const count = 64
    const rounds = 300
    const blobs = blobsOf(1_500, manyWeights)
    const units = blobs.reduce((sum, { weight }) => sum + weight, 0)
    const drawn = Array.from({ length: rounds }, (_, round) => draw(seedOf(round), blobs, count))
    const byWeight = blobs.toSorted((a, b) => b.weight - a.weight)
    const orders = { largest: byWeight, smallest: byWeight.toReversed(), random: random.shuffled(blobs) }
    for (const [which, order] of Object.entries(orders)) {
      for (const share of [0.01, 0.02, 0.05]) {
        const gone = new Set<BlobId>()
        let lost = 0
        for (const { blobId, weight } of order) {
          if (lost + weight > share * units) continue
          gone.add(blobId)
          lost += weight
        }
        const passes = drawn.filter(ids => !ids.some(blobId => gone.has(blobId))).length
        const expected = (1 - lost / units) ** count
        const sigma = Math.sqrt((expected * (1 - expected)) / rounds)
        const seen = passes / rounds
        assert.ok(seen <= expected + 4 * sigma + 0.01, `${which} ${share}: ${seen} of ${expected}`)
        // without replacement those that are drawn are a little more alike
        assert.ok(seen >= expected - 4 * sigma - 0.06, `${which} ${share}: ${seen} of ${expected}`)
      }
    }
  })

  it('asks each node for pieces of its own shards, evenly', () => {
    const drawn = blobsOf(7, () => 1).map(({ blobId }) => blobId)
    const shards = [3, 5, 11] as ShardIndex[]
    const init = { seed: seedOf(1), drawn, shards, draws: 3_000 }
    const nodeId = (number: number): ObjectId => `0x${number.toString(16).padStart(64, '0')}` as ObjectId
    const questions = questionsOf({ ...init, nodeId: nodeId(1) }, () => ({ count: 4 }))
    assert.equal(questions.length, 3_000)
    assert.deepEqual(
      questions.slice(0, 7).map(({ blobId }) => blobId),
      drawn,
    )
    for (const key of ['shard', 'axis', 'piece'] as const) {
      const counts = Object.values(Object.groupBy(questions, question => String(question[key])))
      assert.equal(counts.length, { shard: 3, axis: 2, piece: 4 }[key])
      const even = 3_000 / counts.length
      for (const list of counts) assert.ok(Math.abs(list!.length - even) < 5 * Math.sqrt(even), key)
    }
    const others = questionsOf({ ...init, nodeId: nodeId(2) }, () => ({ count: 4 }))
    assert.notDeepEqual(others, questions)
    assert.deepEqual(
      questionsOf({ ...init, drawn: [], nodeId: nodeId(1) }, () => ({ count: 4 })),
      [],
    )
    assert.deepEqual(
      questionsOf({ ...init, shards: [], nodeId: nodeId(1) }, () => ({ count: 4 })),
      [],
    )
  })
})
