import assert from 'node:assert/strict'
import type { BlobId, SliverPairIndex } from '../../../../codec/types.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import type { WorldNode } from '../../../support/epochs/world-node.ts'
import { EpochsWorld } from '../../../support/epochs-world.ts'
import { tellFailures } from '../../../support/tell-failures.ts'

/** Shards of four nodes, evenly: the weight that invalidates is four. */
const EVEN = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7],
  [8, 9],
]
const MOVED = [[0, 1, 2, 9], [3, 4, 5], [6, 7], [8]]
const stray = { pair: 4 as SliverPairIndex, axis: 'secondary' } as const

describe('a blob whose uploader encoded it wrongly and had it certified', function () {
  this.timeout(60_000)
  const told = tellFailures()
  let world: EpochsWorld
  let others: BlobId[]
  afterEach(async () => {
    await world?.[Symbol.asyncDispose]()
  })
  const begin = async () => {
    world = told(await EpochsWorld.create({ shards: EVEN }))
    await world.settle()
    others = [await world.store(), await world.store()]
    await world.settle()
    return world.nodes as [WorldNode, WorldNode, WorldNode, WorldNode]
  }
  const invalidations = (blobId: BlobId) =>
    world.chain.events.filter(event => event.type === 'InvalidBlobID' && event.blobId === blobId)
  const isDropped = async (blobId: BlobId) => {
    const left = await Promise.all(world.nodes.map(({ slivers }) => slivers.list(blobId)))
    return left.flat().length === 0
  }
  /** Every node knows, has nothing of it left but its record, and looks for nothing; all else is untouched. */
  const expectGone = async (blobId: BlobId) => {
    for (const node of world.nodes) {
      const state = await createBlobRecords(node.records).get(blobId)
      assert.equal(state?.invalid, true)
      assert.equal(state.registrations.length, 1)
      assert.equal(await node.metadata.get(blobId), undefined)
      assert.deepEqual((await node.running!.upkeep.view()).missing, {})
      assert.deepEqual(node.accused, [])
    }
    for (const node of world.nodes) assert.deepEqual(await world.lacking(node, world.chain.now.epoch), [])
    const kept = await Promise.all(others.map(one => world.nodes[0]!.slivers.list(one)))
    assert.ok(kept.every(slivers => slivers.length >= 6))
    await world.check()
  }

  it('is found out by the node that it was not sent to, and every node drops it', async () => {
    const [node] = await begin()
    const blobId = await world.store({ stray, except: [node] })
    await world.until('it is invalid', () => invalidations(blobId).length > 0, 60_000)
    await world.until('it is dropped', () => isDropped(blobId), 10_000)
    await world.settle(60_000)
    assert.equal(invalidations(blobId).length, 1)
    await expectGone(blobId)
    // nobody goes on with it
    const events = world.chain.events.length
    await world.settle(3_600_000)
    assert.equal(world.chain.events.length, events)
  })

  it('is found out although the node that does so is killed on the way', async () => {
    const [node] = await begin()
    const blobId = await world.store({ stray, except: [node] })
    let asked = 0
    const { judge } = world.nodes[1]!.running!.upkeep
    const { open } = judge
    judge.open = async (...claim) => {
      if (asked++ === 0) node.kill()
      return await open(...claim)
    }
    await world.until('it was told to somebody', () => asked > 0, 60_000)
    await world.settle(30_000)
    assert.deepEqual(invalidations(blobId), [])
    await node.start()
    await world.until('it is invalid', () => invalidations(blobId).length > 0, 60_000)
    await world.until('it is dropped', () => isDropped(blobId), 10_000)
    await expectGone(blobId)
  })

  it('29 invalid blob during handoff: every node drops it, and the handoff ends', async () => {
    const nodes = await begin()
    const [gainer, , , source] = nodes
    const blobId = await world.store({ stray, except: [source] })
    world.chain.select(MOVED)
    await world.settle(2_000)
    world.chain.begin()
    await world.until('it is invalid', () => invalidations(blobId).length > 0, 120_000)
    await world.reported(world.chain.now.epoch)
    await world.until('it is dropped', () => isDropped(blobId), 10_000)
    assert.equal(await gainer.state(), 'active')
    await expectGone(blobId)
  })
})
