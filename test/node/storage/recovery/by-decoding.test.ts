import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import {
  type Codec,
  createCodec,
  decodeInconsistencyProof,
  type EncodedBlob,
  longestInconsistencyProof,
  pairOfShard,
  shardOfPair,
} from '../../../../codec/index.ts'
import type { Axis, BlobMetadata, SliverPairIndex, SliverRef } from '../../../../codec/types.ts'
import type { Budget } from '../../../../node/storage/budget.ts'
import { cureByDecoding, type DecodingComponents } from '../../../../node/storage/recovery/by-decoding.ts'
import { DecodeInFiles } from '../../../../node/storage/recovery/decode-in-files.ts'
import { openDecodingScratch } from '../../../../node/storage/recovery/decoding-files.ts'
import { fullDisk } from '../../../../node/storage/store/disk-error.ts'
import type { Accusation } from '../../../../protocols/index.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
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
  let warnings: string[]
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
    warnings = []
    found = []
  })
  afterEach(() => blob.release())

  const heal = async (metadata = blob.metadata, more: Partial<DecodingComponents> = {}) => {
    const cure = cureByDecoding({
      ...world,
      nShards: N,
      nodeId: world.members[0]!.nodeId,
      codec,
      slivers: world.stores[0]!,
      inconsistencies: { knows: () => false, found: one => found.push(one) },
      accuse: ({ name }) => accused.push(name),
      expectRoom: async () => undefined,
      log: {
        ...quietLog,
        error: (_, message) => errors.push(String(message)),
        warn: (_, message) => warnings.push(String(message)),
      },
      ...more,
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

  const expectProof = async (metadata: BlobMetadata, target: SliverRef): Promise<void> => {
    assert.deepEqual(errors, [])
    const [accusation] = found as [Accusation]
    const proof = decodeInconsistencyProof(accusation.proof, accusation.axis, N)
    assert.deepEqual(proof.target, target)
    await codec.verifyInconsistencyProof({ metadata, proof })
    assert.ok(
      accusation.proof.length <= longestInconsistencyProof(N, metadata.unencodedLength, accusation.axis),
    )
  }
  /** A blob of which one sliver is not what the others make of it, and node 0 has nothing. */
  const addWrong = async (axis: Axis): Promise<{ metadata: BlobMetadata; stray: SliverRef }> => {
    const stray = { pair: 9 as SliverPairIndex, axis }
    using wrong = await wronglyEncoded(codec, randomBytes(3_000), N, stray)
    world.blobs.clear()
    const metadata = await world.add(wrong)
    await world.wipe(0)
    // whose primary sliver is the stray one
    if (axis === 'primary')
      for (const [i, { shards }] of world.members.entries())
        if (shardOfPair(stray.pair, metadata.blobId, N) === shards[0]) await world.wipe(i)
    return { metadata, stray }
  }
  for (const axis of ['secondary', 'primary'] as const) {
    it(`that was encoded wrongly is given up, with a proof about a ${axis} sliver`, async () => {
      const { metadata, stray } = await addWrong(axis)
      await heal(metadata)
      await expectProof(metadata, stray)
    })
  }

  describe('that is larger than memory may hold', () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    let files: Pick<DecodingComponents, 'scratch' | 'largestInMemory' | 'windowBytes'>
    beforeEach(async () => {
      folder = await temporaryFolder()
      const scratch = await openDecodingScratch(folder.path)
      files = { scratch, largestInMemory: 1_000, windowBytes: 1_000 }
    })
    afterEach(() => folder.remove())

    it('is decoded and encoded in files, of which nothing stays', async () => {
      for (const member of [1, 2, 3, 8, 9]) await world.wipe(member)
      await heal(blob.metadata, files)
      await expectWhole()
      assert.deepEqual(await readdir(folder.path), [])
    })

    it('is left, with nothing in files, when there are too few slivers', async () => {
      for (const member of [1, 2, 3, 7, 8, 9]) await world.wipe(member)
      await heal(blob.metadata, files)
      assert.equal((await world.lacking(blob.metadata.blobId)).length, 2)
      assert.deepEqual(await readdir(folder.path), [])
    })

    it('is left when there is no folder for it', async () => {
      await heal(blob.metadata, { ...files, scratch: undefined })
      assert.equal((await world.lacking(blob.metadata.blobId)).length, 2)
    })

    it('is held against the budget by its window, not by its size', async () => {
      const held: number[] = []
      const budget: Budget = {
        ...world.budget,
        within: (urgency, bytes, signal, work) => {
          held.push(bytes)
          return world.budget.within(urgency, bytes, signal, work)
        },
      }
      const { metadata } = blob
      await heal(metadata, { ...files, budget })
      await heal({ ...metadata, unencodedLength: 2 ** 30 }, { ...files, budget, scratch: undefined })
      assert.deepEqual(held, [DecodeInFiles.heldBytes(metadata, 1_000)])
      const longest = { ...metadata, nShards: 1_000, unencodedLength: 13 * 2 ** 30 }
      assert.ok(DecodeInFiles.heldBytes(longest, 32 * 2 ** 20) < 2 ** 29)
      assert.ok(
        DecodeInFiles.heldBytes({ ...longest, nShards: 100, unencodedLength: 2 ** 27 }, 2 ** 25) <= 2 ** 26,
      )
    })

    it('is left, with a word, when the disk has no room for the files, and is no trouble for others', async () => {
      const asked: number[] = []
      const expectRoom = async (bytes: number): Promise<void> => {
        asked.push(bytes)
        if (bytes > 0) throw fullDisk('of a test')
      }
      await heal(blob.metadata, { ...files, expectRoom })
      assert.equal(warnings.length, 1)
      // four primary slivers, the blob, three columns, and what is lacking, twice
      assert.ok(asked[0]! > 3 * 3_000 && asked[0]! < 6 * 3_000, `${asked[0]}`)
      const full = async (): Promise<void> => {
        throw fullDisk('of a test')
      }
      await assert.rejects(heal(blob.metadata, { ...files, expectRoom: full }), { code: 'ENOSPC' })
    })

    it('leaves nothing when it is given up in between, or killed', async () => {
      const reason = new Error('over')
      const over = new AbortController()
      const cutShort: DecodingComponents['codec'] = Object.assign(Object.create(codec), {
        encodeStream: async () => {
          assert.equal((await readdir(folder.path)).length, 3)
          over.abort(reason)
          throw reason
        },
      })
      await assert.rejects(heal(blob.metadata, { ...files, codec: cutShort }), reason)
      assert.deepEqual(await readdir(folder.path), [])
      await using _ = await files.scratch!.file()
      assert.equal((await readdir(folder.path)).length, 1)
      await openDecodingScratch(folder.path)
      assert.deepEqual(await readdir(folder.path), [])
    })

    for (const axis of ['secondary', 'primary'] as const) {
      it(`and was encoded wrongly is given up, with a proof about a ${axis} sliver`, async () => {
        const { metadata, stray } = await addWrong(axis)
        await heal(metadata, files)
        await expectProof(metadata, stray)
        assert.deepEqual(await readdir(folder.path), [])
      })
    }
  })
})
