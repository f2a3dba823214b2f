import assert from 'node:assert/strict'
import type { Epoch, ShardIndex } from '../../../../../codec/types.ts'
import type { EpochsWorld } from '../../../../support/epochs-world.ts'
import { EVEN, MOVED, SECOND, scenes, stateOf } from './scenes.ts'

/** How many slivers anybody was asked for. */
function countingAsked(world: EpochsWorld): () => number {
  let asked = 0
  for (const node of world.nodes)
    node.manners.sliver = async (_, __, had) => {
      asked++
      return had
    }
  return () => asked
}

describe('epochs: a blob', function () {
  this.timeout(60_000)
  const begin = scenes()

  it('25 that ends while its shard is fetched ahead, or while it is missing: nothing of it stays', async () => {
    const {
      world,
      nodes: [gainer, , , source],
    } = await begin(EVEN, 1)
    const ending = await world.store({ endEpoch: 2 })
    const lacking = await world.store({ endEpoch: 3, except: [gainer] })
    for (const node of world.nodes) node.manners = { sliver: async () => undefined }
    await world.settle()
    world.chain.select(MOVED)
    await world.settle(2_000)
    assert.ok(gainer.got.every(({ blobId }) => blobId !== ending))
    world.chain.begin()
    await world.reported(SECOND, [source])
    await world.settle(60_000)
    // the one that is missing keeps the node from reporting, until it has ended
    assert.equal(world.chain.hasReported(gainer.nodeId, SECOND), false)
    await world.turn(MOVED)
    assert.deepEqual((await stateOf(gainer)).missing, {})
    assert.deepEqual(await gainer.slivers.list(lacking), [])
    await world.turn(MOVED)
    await world.check()
  })

  it('26 that is deleted while it is missing, and registered again at once: the new upload is kept', async () => {
    const {
      world,
      nodes: [node],
    } = await begin(EVEN, 1)
    for (const one of world.nodes) one.manners = { sliver: async () => undefined }
    const blobId = await world.store({ except: [node] })
    await world.settle(20_000)
    assert.deepEqual((await stateOf(node)).missing, { tail: 1 })
    world.chain.delete(blobId, world.stored.get(blobId)!.objectId)
    const objectId = world.chain.register(blobId)
    await world.upload(node, blobId, [0, 1, 2] as ShardIndex[])
    world.chain.certify(blobId, objectId)
    await world.until(
      'nothing is missing',
      async () => Object.keys((await stateOf(node)).missing).length === 0,
    )
    await world.turn(EVEN)
    await world.turn(EVEN)
    assert.equal((await node.slivers.list(blobId)).length, 6)
    await world.check()
  })

  it('27 that is extended in the epoch in which it would end: it is kept, and what is missing is fetched', async () => {
    const {
      world,
      nodes: [gainer],
    } = await begin(EVEN, 1)
    const blobId = await world.store({ endEpoch: 3 })
    await world.turn(EVEN)
    // fetched ahead for an epoch in which, so far, nobody has paid for it
    world.chain.select(MOVED)
    await world.settle(2_000)
    assert.ok(gainer.got.every(one => one.blobId !== blobId))
    const { objectId } = world.stored.get(blobId)!
    world.chain.certify(blobId, objectId, { endEpoch: 9, isExtension: true })
    world.chain.begin()
    await world.reported(3 as Epoch)
    await world.turn(MOVED)
    await world.turn(MOVED)
    await world.check()
    assert.equal((await gainer.slivers.list(blobId)).length, 8)
  })

  it('32 registered in one epoch and certified in the next: no report of that one waits for it', async () => {
    const {
      world,
      nodes: [node],
    } = await begin(EVEN, 1)
    for (const one of world.nodes) one.manners = { sliver: async () => undefined }
    node.noReport = () => new Error('not yet')
    world.chain.select(EVEN)
    world.chain.begin()
    const blobId = await world.store({ except: [node] })
    await world.settle(20_000)
    assert.deepEqual((await stateOf(node)).missing, { tail: 1 })
    node.noReport = undefined
    await world.reported(SECOND)
    await world.upload(node, blobId, [0, 1, 2] as ShardIndex[])
    await world.check()
  })

  it('33 certified before the tail of its upload, which comes: no recovery', async () => {
    const {
      world,
      nodes: [node],
    } = await begin(EVEN, 0)
    const asked = countingAsked(world)
    const late = await world.store({ except: [node] })
    await world.settle(14_000)
    assert.deepEqual((await stateOf(node)).missing, { tail: 1 })
    await world.upload(node, late, [0, 1, 2] as ShardIndex[])
    await world.settle(60_000)
    assert.deepEqual((await stateOf(node)).missing, {})
    // nobody was asked for anything, and nothing was made anew
    assert.deepEqual([asked(), node.got, node.recovered], [0, [], 0])
    await world.turn(EVEN)
    await world.check()
  })

  it('33 certified before the tail of its upload, which does not come: one recovery, once nobody sends it any more', async () => {
    const {
      world,
      nodes: [node],
    } = await begin(EVEN, 0)
    const asked = countingAsked(world)
    const lost = await world.store({ except: [node] })
    await world.settle(14_000)
    assert.deepEqual([asked(), node.recovered], [0, 0])
    await world.settle(6_000)
    assert.deepEqual((await stateOf(node)).missing, {})
    const once = [asked(), node.got.length, node.recovered]
    assert.equal(once[2], 6)
    assert.equal((await node.slivers.list(lost)).length, 6)
    // and the tail, should it come after all, changes nothing
    await world.upload(node, lost, [0, 1, 2] as ShardIndex[])
    await world.settle(60_000)
    assert.deepEqual([asked(), node.got.length, node.recovered], once)
    await world.turn(EVEN)
    await world.check()
  })

  it('33 certified while its shard is being fetched ahead: it is got from the shard it is uploaded to', async () => {
    const {
      world,
      nodes: [gainer, , , source],
    } = await begin(EVEN, 0)
    await world.store()
    world.chain.select(MOVED)
    await world.settle(1_000)
    const early = gainer.got.length
    await world.store()
    await world.settle(10_000)
    assert.equal(gainer.got.length, early)
    await world.settle(10_000)
    assert.deepEqual(
      gainer.got.slice(early).map(({ from, by }) => [from, by]),
      [
        [source.nodeId, 'fetch'],
        [source.nodeId, 'fetch'],
      ],
    )
    world.chain.begin()
    await world.reported(SECOND)
    await world.check()
  })
})
