import assert from 'node:assert/strict'
import type { Epoch, ShardIndex } from '../../../../codec/types.ts'
import { damagedKey } from '../../../../node/storage/store/keys.ts'
import { createNodeRecords } from '../../../../node/storage/store/node-records.ts'
import type { WorldNode } from '../../../support/epochs/world-node.ts'
import { EpochsWorld } from '../../../support/epochs-world.ts'
import { tellFailures } from '../../../support/tell-failures.ts'

const EVEN = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7],
  [8, 9],
]
/** The first node gives shard 0 to the last, which gives it shard 9. */
const SWAPPED = [
  [9, 1, 2],
  [3, 4, 5],
  [6, 7],
  [8, 0],
]
const SECOND = 2 as Epoch

/** What is to be the same at the end, however often a node was killed. */
async function endOf(node: WorldNode) {
  const { state, shards, missing } = await node.running!.upkeep.view()
  const records = await createNodeRecords(node.records).shards()
  return {
    state,
    shards,
    missing,
    states: [...records].map(([shard, { state, epoch }]) => [shard, state, epoch]),
  }
}

describe('epochs: kills', function () {
  this.timeout(120_000)
  const told = tellFailures()
  const begin = async (blobs = 2) => {
    const world = told(await EpochsWorld.create({ shards: EVEN }))
    await world.settle()
    for (let i = 0; i < blobs; i++) await world.store()
    await world.settle()
    return world
  }

  for (const moment of ['before', 'after'] as const) {
    it(`7 kill ${moment} each write of a change: the restart ends in the same state`, async () => {
      let expected: unknown
      let writes = 1
      const points = new Set<string>()
      for (let at = 0; at <= writes; at++) {
        await using world = await begin()
        const node = world.nodes[0]!
        let count = 0
        node.onWrite = (when, what) => {
          if (when !== moment || ++count !== at) return
          points.add(what)
          node.kill()
        }
        world.chain.select(SWAPPED)
        await world.settle(1_000)
        const killedEarly = node.running === undefined
        if (killedEarly) await node.start()
        world.chain.begin()
        await world.settle(1_000)
        const killed = node.running === undefined
        if (killed) await node.start()
        await world.reported(SECOND)
        await world.settle(1_000)
        if (node.running === undefined) await node.start()
        await world.settle(1_000)
        await world.check()
        const end = await endOf(node)
        if (at === 0) {
          // nobody is killed: this is how it should end
          expected = end
          writes = count
          assert.ok(writes > 5, `${writes} writes`)
        } else assert.deepEqual(end, expected, `killed ${moment} write ${at}`)
      }
      assert.ok(points.has('slivers'), [...points].join(', '))
      assert.ok([...points].some(what => what.includes('/node/state') && what.includes('/cursor')))
      assert.ok(
        [...points].some(what => what.includes('/shard/0000 /shard/0009') || what.includes('/shard/0009')),
      )
    })
  }

  it('7 kill when the report was sent: it counts once', async () => {
    await using world = await begin()
    const node = world.nodes[0]!
    const { onReport } = world.chain
    world.chain.onReport = async (nodeId, epoch) => {
      await onReport(nodeId, epoch)
      if (nodeId === node.nodeId) node.kill()
    }
    world.chain.select(SWAPPED)
    world.chain.begin()
    await world.reported(SECOND)
    world.chain.onReport = onReport
    await node.start()
    await world.settle(5_000)
    assert.equal(await node.state(), 'active')
    await world.check()
  })

  it('8 kill while a shard is taken over, which goes on an epoch later: nothing is reported before it is whole', async () => {
    await using world = await begin()
    const [node, second, third, source] = world.nodes as [WorldNode, WorldNode, WorldNode, WorldNode]
    source.manners = { page: () => ({ blobs: [], whole: false }), sliver: async () => undefined }
    world.chain.select(SWAPPED)
    world.chain.begin()
    await world.settle(5_000)
    node.kill()
    world.chain.select(SWAPPED)
    world.chain.begin()
    await world.settle(5_000)
    await node.start()
    await world.reported(3 as Epoch, [second, third])
    await world.settle(10_000)
    assert.equal(world.chain.hasReported(node.nodeId, 2), false)
    assert.equal(world.chain.hasReported(node.nodeId, 3), false)
    source.manners = {}
    await world.reported(3 as Epoch)
    assert.equal(world.chain.hasReported(node.nodeId, 2), false)
    await world.check()
  })

  for (const phase of [
    'before the selection',
    'while shards are fetched ahead',
    'as the epoch begins',
    'during the change',
  ]) {
    it(`24 all nodes restart at once ${phase}`, async () => {
      await using world = await begin()
      const restart = async (when: string) => {
        if (when !== phase) return
        for (const node of world.nodes) node.kill()
        for (const node of world.nodes) await node.start()
      }
      await restart('before the selection')
      world.chain.select(SWAPPED)
      await restart('while shards are fetched ahead')
      await world.clock.advance(0)
      world.chain.begin()
      await restart('as the epoch begins')
      for (let i = 0; i < 3; i++) await world.clock.advance(0)
      await restart('during the change')
      await world.reported(SECOND)
      await world.settle(2_000)
      await world.check()
      for (const node of world.nodes) assert.equal(await node.state(), 'active')
    })
  }

  it('kill when a sliver was found damaged, before it was noted as missing: it is rebuilt all the same', async () => {
    await using world = await begin(0)
    const blobId = await world.store()
    await world.settle()
    const [node] = world.nodes as [WorldNode]
    node.kill()
    await node.slivers.deleteShard(0 as ShardIndex)
    // as the store does in the batch in which it drops the sliver
    await node.records.commit([{ type: 'put', key: damagedKey(blobId), value: new Uint8Array() }])
    await node.start()
    await world.until('all is there', async () => (await node.slivers.list(blobId)).length === 6)
    await world.settle()
    assert.equal(await node.records.has(damagedKey(blobId)), false)
    assert.deepEqual((await node.running!.upkeep.view()).missing, {})
  })
})
