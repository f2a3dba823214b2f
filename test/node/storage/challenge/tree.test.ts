import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { blobIdFromBytes } from '../../../../codec/index.ts'
import type { BlobId, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { LeafFile } from '../../../../node/storage/challenge/leaf-file.ts'
import { climb, leafHasher, NO_LEAF, pathOf, rootOf } from '../../../../node/storage/challenge/leaves.ts'
import { Random } from '../../../support/random.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const random = new Random('leaves')
const leavesOf = (count: number): Uint8Array[] => Array.from({ length: count }, () => random.bytes(32))
const never = new AbortController().signal

async function* streamed(leaves: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* leaves
}

describe('trees of a commitment', () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>
  before(async () => {
    temporary = await temporaryFolder()
  })
  after(() => temporary.remove())

  it('have one root, and paths that lead to it, in memory and in files', async () => {
    for (const count of [0, 1, 2, 3, 5, 8, 1000, 8_192, 8_193, 20_001]) {
      const leaves = leavesOf(count)
      const folder = join(temporary.path, 'tree')
      await using written = await LeafFile.write(folder, streamed(leaves), never)
      assert.equal(written.count, count)
      assert.deepEqual(Buffer.from(written.root), Buffer.from(rootOf(leaves)))
      await using again = await LeafFile.open(folder, count)
      assert.deepEqual(Buffer.from(again.root), Buffer.from(written.root))
      for (const index of new Set([0, 1, count >> 1, count - 2, count - 1])) {
        if (index < 0 || index >= count) continue
        const path = await again.path(index)
        assert.deepEqual(path.map(hex), pathOf(leaves, index).map(hex))
        assert.equal(hex(climb(leaves[index]!, index, path)), hex(written.root))
        if (count > 1) assert.notEqual(hex(climb(leaves[index]!, index ^ 1, path)), hex(written.root))
        assert.notEqual(hex(climb(NO_LEAF, index, path)), hex(written.root))
      }
    }
  })

  it('are not made once their maker is stopped', async () => {
    const stop = new AbortController()
    const leaves = async function* (): AsyncIterable<Uint8Array> {
      yield NO_LEAF
      stop.abort(new Error('stopped'))
      yield NO_LEAF
    }
    const folder = join(temporary.path, 'tree')
    await assert.rejects(LeafFile.write(folder, leaves(), stop.signal), /stopped/)
  })

  it('have leaves that stand for one piece of one sliver of one node under one salt', () => {
    const blob = (seed: number): BlobId => blobIdFromBytes(new Uint8Array(32).fill(seed))
    const node = (seed: number): ObjectId => `0x${seed.toString(16).padStart(64, '0')}` as ObjectId
    const place = { shard: 1 as ShardIndex, blobId: blob(1), axis: 'primary' } as const
    const bytes = Uint8Array.of(1, 2, 3)
    const of = (salt: number, nodeId: ObjectId) => leafHasher(new Uint8Array(32).fill(salt), nodeId)
    const all = [
      of(1, node(1))(place, 0, bytes),
      of(2, node(1))(place, 0, bytes),
      of(1, node(2))(place, 0, bytes),
      of(1, node(1))({ ...place, shard: 2 as ShardIndex }, 0, bytes),
      of(1, node(1))({ ...place, blobId: blob(2) }, 0, bytes),
      of(1, node(1))({ ...place, axis: 'secondary' }, 0, bytes),
      of(1, node(1))(place, 1, bytes),
      of(1, node(1))(place, 0, Uint8Array.of(1, 2)),
    ]
    assert.equal(new Set(all.map(hex)).size, all.length)
  })
})

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
