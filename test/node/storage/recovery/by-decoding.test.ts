import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  type Codec,
  createCodec,
  decodeInconsistencyProof,
  type EncodedBlob,
  longestInconsistencyProof,
  pairOfShard,
  shardOfPair,
} from '../../../../codec/index.ts'
import type { SliverPairIndex } from '../../../../codec/types.ts'
import { cureByDecoding } from '../../../../node/storage/recovery/by-decoding.ts'
import type { Accusation } from '../../../../protocols/index.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { wronglyEncoded } from '../../../support/wrongly-encoded.ts'
import { createWorld, type World } from './support.ts'

const N = 10
const never = new AbortController().signal

describe('a blob of which few slivers are left', () => {
  let codec: Codec
  let world: World
  let blob: EncodedBlob
  let accused: string[]
  let errors: string[]
  let found: Accusation[]

  before(() => {
    codec = createCodec({ threads: 0 })
  })
  after(() => codec.close())
  beforeEach(async () => {
    world = createWorld({ codec, nShards: N, members: 10 })
    blob = await codec.encode(randomBytes(3_000), N)
    await world.add(blob)
    await world.wipe(0)
    accused = []
    errors = []
    found = []
  })
  afterEach(() => blob.release())

  const heal = async (metadata = blob.metadata) => {
    const cure = cureByDecoding({
      ...world,
      nShards: N,
      nodeId: world.members[0]!.nodeId,
      codec,
      slivers: world.stores[0]!,
      inconsistencies: { knows: () => false, found: one => found.push(one) },
      accuse: ({ name }) => accused.push(name),
      log: { ...quietLog, error: (_, message) => errors.push(String(message)) },
    })
    const { blobId } = metadata
    await cure.heal(
      [{ blobId, metadata, shards: world.members[0]!.shards, urgency: 'scrub' }],
      world.committees,
      never,
    )
  }
  const expectWhole = async () => {
    const { blobId } = blob.metadata
    assert.deepEqual(await world.lacking(blobId), [])
    for (const ref of await world.stores[0]!.list(blobId))
      assert.equal(Buffer.compare((await world.stores[0]!.get(blobId, ref))!, blob.sliver(ref)), 0)
  }

  it('16 is decoded from as many primary ones as that takes, and encoded anew', async () => {
    for (const member of [1, 2, 3, 8, 9]) await world.wipe(member)
    await heal()
    await expectWhole()
  })

  it('is left with one fewer', async () => {
    for (const member of [1, 2, 3, 7, 8, 9]) await world.wipe(member)
    await heal()
    assert.equal((await world.lacking(blob.metadata.blobId)).length, 2)
  })

  it('comes back although some nodes are silent and others lie, who are named', async () => {
    for (const member of [1, 2]) world.faults.set(member, { silent: true })
    for (const member of [3, 4]) {
      const { blobId } = blob.metadata
      const ref = {
        pair: pairOfShard(world.members[member]!.shards[0]!, blobId, N),
        axis: 'primary',
      } as const
      const lie = blob.sliver(ref)
      lie[9]! ^= 1
      await world.wipe(member)
      await world.stores[member]!.put(blobId, ref, lie)
    }
    await heal()
    await expectWhole()
    assert.deepEqual(accused.sort(), ['node-3', 'node-4'])
  })

  it('that decodes to another, though no sliver is wrong, is given up, with a word in the log', async () => {
    using other = await codec.encode(randomBytes(3_000), N)
    // every sliver is right by its hash, and the whole is another blob
    const wrong = { ...blob.metadata, blobId: other.metadata.blobId }
    world.blobs.clear()
    world.blobs.set(wrong.blobId, wrong)
    for (const [i, store] of world.stores.entries()) {
      const pair = pairOfShard(world.members[i]!.shards[0]!, wrong.blobId, N)
      await store.delete(blob.metadata.blobId)
      if (i > 0)
        await store.put(wrong.blobId, { pair, axis: 'primary' }, blob.sliver({ pair, axis: 'primary' }))
    }
    await heal(wrong)
    assert.equal(errors.length, 1)
    assert.equal((await world.lacking(wrong.blobId)).length, 2)
  })

  for (const axis of ['secondary', 'primary'] as const) {
    it(`that was encoded wrongly is given up, with a proof about a ${axis} sliver`, async () => {
      const stray = { pair: 9 as SliverPairIndex, axis }
      using wrong = await wronglyEncoded(codec, randomBytes(3_000), N, stray)
      world.blobs.clear()
      const metadata = await world.add(wrong)
      await world.wipe(0)
      // whose primary sliver is the stray one
      if (axis === 'primary')
        for (const [i, { shards }] of world.members.entries())
          if (shardOfPair(stray.pair, metadata.blobId, N) === shards[0]) await world.wipe(i)
      await heal(metadata)
      assert.deepEqual(errors, [])
      const [accusation] = found as [Accusation]
      const proof = decodeInconsistencyProof(accusation.proof, accusation.axis, N)
      assert.deepEqual(proof.target, stray)
      await codec.verifyInconsistencyProof({ metadata, proof })
      assert.ok(accusation.proof.length <= longestInconsistencyProof(N, metadata.unencodedLength, axis))
    })
  }
})
