import { strict as assert } from 'node:assert'
import { blobIdFromBytes, encodedSize, pieceShape, storageUnits } from '../../../../codec/index.ts'
import type { BlobId, Epoch, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { type AskedQuestion, Asking } from '../../../../node/storage/challenge/asked.ts'
import { pointsOf } from '../../../../node/storage/challenge/draw.ts'
import type { BlobState } from '../../../../node/storage/store/blob-state.ts'
import { blobHex } from '../../../../node/storage/store/keys.ts'
import { Random } from '../../../support/random.ts'

const N = 100
const MIB = 2 ** 20
const random = new Random('draw')
const signal = new AbortController().signal
const hexSeed = (number: number): string =>
  Buffer.from(new Random(`seed ${number}`).bytes(32)).toString('hex')
const idOf = (number: number): ObjectId => `0x${number.toString(16).padStart(64, '0')}` as ObjectId
const shards = [3, 5, 11].map(shard => shard as ShardIndex)

/** What a node does not have, and what share of its bytes that is. */
interface Lack {
  share: number
  of: (question: AskedQuestion) => boolean
}

/** What is asked of a node with these shards, of blobs of these sizes in a network of 100 shards, in the order of their IDs. */
async function askedOf(sizes: ReadonlyMap<BlobId, number>, seed: number, draws: number, nodeId = idOf(1)) {
  const ids = [...sizes.keys()].sort((a, b) => (blobHex(a) < blobHex(b) ? -1 : 1))
  const stateOf = (blobId: BlobId): BlobState => ({
    registrations: [{ objectId: idOf(9), deletable: false, certified: true, endEpoch: 9 as Epoch }],
    initialCertifiedEpoch: 1 as Epoch,
    size: sizes.get(blobId)!,
  })
  const asking = new Asking(
    {
      nShards: N,
      clock: { monotonic: () => 0 },
      metadata: { get: async () => undefined },
      rounds: { wereOwed: async () => new Map() },
      blobs: {
        async slice({ after, limit }) {
          const from = after === undefined ? 0 : ids.indexOf(after) + 1
          return ids.slice(from, from + limit).map(blobId => [blobId, stateOf(blobId)])
        },
      },
    },
    signal,
  )
  const times = { commitUntilMs: 1, passUntilMs: 2 }
  const record = { epoch: 2 as Epoch, round: 0, salt: '', draws, seed: hexSeed(seed), ...times }
  const asked = await asking.of(record, signal)
  return { owed: asked.owed, ids, questions: asked.of({ nodeId, shards }) }
}

const blobsOf = (count: number, size: () => number): Map<BlobId, number> =>
  new Map(Array.from({ length: count }, () => [blobIdFromBytes(random.bytes(32)), size()]))
/** from 1 to 90 MiB, most of them small */
const manySizes = (): number => Math.ceil(Math.exp(random.next() * 4.5) * MIB)
const unitsOf = (size: number): number => storageUnits(encodedSize(N, size))

describe('draw of a round of challenges', () => {
  it('takes each unit that is paid for as often as any other, for each question anew', () => {
    const seed = random.bytes(32)
    const points = pointsOf(seed, 60_000, 10)
    const counts = Object.values(Object.groupBy(points, String)).map(list => list!.length)
    assert.equal(counts.length, 10)
    for (const count of counts) assert.ok(Math.abs(count - 6_000) < 5 * Math.sqrt(6_000), String(count))
    assert.notDeepEqual(pointsOf(random.bytes(32), 100, 1e12), pointsOf(seed, 100, 1e12))
    assert.ok(pointsOf(seed, 1_000, 2 ** 53 - 1).every(Number.isSafeInteger))
  })

  it('asks for blobs by what they pay, however many others there are, and for none of none', async () => {
    const sizes = blobsOf(700, () => 1)
    const heavy = blobIdFromBytes(random.bytes(32))
    sizes.set(heavy, 130 * MIB)
    const seen: AskedQuestion[] = []
    // what is asked twice is told once, so one question at a time
    for (let seed = 0; seed < 150; seed++) seen.push(...(await askedOf(sizes, seed, 1)).questions)
    const share = unitsOf(130 * MIB) / (unitsOf(130 * MIB) + 700 * unitsOf(1))
    const hits = seen.filter(({ blobId }) => blobId === heavy).length
    const sigma = Math.sqrt((share * (1 - share)) / seen.length)
    assert.ok(Math.abs(hits / seen.length - share) < 4 * sigma, `${hits} of ${seen.length}, ${share}`)

    const none = await askedOf(new Map(), 1, 40)
    assert.deepEqual([none.owed, none.questions], [0, []])
  })

  it('finds a node that lacks a share of what it is paid for as often as predicted, whatever that is of', async function () {
    this.timeout(60_000)
    const [draws, rounds] = [24, 1_000]
    const sizes = blobsOf(100, manySizes)
    const bySize = [...sizes].sort(([, a], [, b]) => b - a)
    const total = bySize.reduce((sum, [, size]) => sum + unitsOf(size), 0)
    const lacking = (blobs: readonly (readonly [BlobId, number])[]): Lack => {
      const ids = new Set(blobs.map(([blobId]) => blobId))
      const share = blobs.reduce((sum, [, size]) => sum + unitsOf(size), 0) / total
      return { share, of: ({ blobId }) => ids.has(blobId) }
    }
    /** The pieces behind the middle of each sliver, of 67 and 34 symbols at n = 100. */
    const isBehind = (size: number, { axis, piece }: Pick<AskedQuestion, 'axis' | 'piece'>): boolean => {
      const { count } = pieceShape({ nShards: N, unencodedLength: size }, axis)
      return piece >= count / 2
    }
    const behind = (size: number): number =>
      (['primary', 'secondary'] as const).reduce((sum, axis) => {
        const { symbols } = pieceShape({ nShards: N, unencodedLength: size }, axis)
        const all = Array.from({ length: axis === 'primary' ? 67 : 34 }, (_, symbol) => symbol)
        const gone = all.filter(symbol => isBehind(size, { axis, piece: Math.floor(symbol / symbols) }))
        return sum + gone.length / 101
      }, 0)
    const lacks: Record<string, Lack> = {
      'the largest blob': lacking(bySize.slice(0, 1)),
      'the smallest ten': lacking(bySize.slice(-10)),
      ...Object.fromEntries(
        [1, 5, 10, 50, 100].map(count => [`any ${count} of 100`, lacking([...sizes].slice(0, count))]),
      ),
      'one shard of three': { share: 1 / 3, of: ({ shard }) => shard === shards[0] },
      'all secondary slivers': { share: 34 / 101, of: ({ axis }) => axis === 'secondary' },
      'half of every sliver': {
        share: bySize.reduce((sum, [, size]) => sum + unitsOf(size) * behind(size), 0) / total,
        of: question => isBehind(sizes.get(question.blobId)!, question),
      },
    }
    const passes = new Map<string, number>()
    for (let seed = 0; seed < rounds; seed++) {
      const { questions } = await askedOf(sizes, seed, draws)
      for (const [name, { of }] of Object.entries(lacks))
        if (!questions.some(of)) passes.set(name, (passes.get(name) ?? 0) + 1)
    }
    for (const [name, { share }] of Object.entries(lacks)) {
      const expected = (1 - share) ** draws
      const sigma = Math.sqrt((expected * (1 - expected)) / rounds)
      const seen = (passes.get(name) ?? 0) / rounds
      // where hardly any pass is expected, one is nothing to wonder at
      assert.ok(Math.abs(seen - expected) <= 3 * sigma + 1 / rounds, `${name}: ${seen}, not ${expected}`)
    }
  })

  it('asks each node for pieces of its own shards, evenly by symbols, each once', async () => {
    const sizes = blobsOf(2, () => 5 * MIB)
    const { questions, ids } = await askedOf(sizes, 1, 4_000)
    const shape = { nShards: N, unencodedLength: 5 * MIB }
    const pieces = pieceShape(shape, 'primary').count + pieceShape(shape, 'secondary').count
    assert.equal(questions.length, 2 * shards.length * pieces)
    assert.equal(new Set(questions.map(({ leaf }) => leaf)).size, 2 * shards.length * 2)
    const rank = ids.indexOf(questions[0]!.blobId)
    const { shard, axis, leaf } = questions[0]!
    const at = shards.toSorted((a, b) => a - b).indexOf(shard)
    assert.equal(leaf, (rank * shards.length + at) * 2 + (axis === 'primary' ? 0 : 1))
    const few = await askedOf(sizes, 1, 5)
    assert.notDeepEqual((await askedOf(sizes, 1, 5, idOf(2))).questions, few.questions)
    assert.deepEqual((await askedOf(sizes, 1, 5)).questions, few.questions)
  })
})
