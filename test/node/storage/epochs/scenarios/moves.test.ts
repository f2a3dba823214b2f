import assert from 'node:assert/strict'
import { EVEN, MOVED, SECOND, scenes, stateOf } from './scenes.ts'

describe('epochs: shards move', function () {
  this.timeout(60_000)
  const begin = scenes()

  it('1 no stake moves: all report, no byte of slivers moves', async () => {
    const { world, nodes } = await begin(EVEN)
    await world.turn(EVEN)
    await world.check()
    for (const { got } of nodes) assert.deepEqual(got, [])
    for (const node of nodes) assert.equal(await node.state(), 'active')
  })

  it('2 one shard moves: only its bytes move, and what was fetched ahead is not fetched again', async () => {
    const {
      world,
      nodes: [gainer, ...others],
    } = await begin(EVEN)
    world.chain.select(MOVED)
    await world.until('it was fetched ahead', () => gainer.got.length === 6)
    await world.settle(5_000)
    world.chain.begin()
    await world.reported(SECOND)
    await world.check()
    assert.equal(gainer.got.length, 6)
    assert.ok(gainer.got.every(({ shard, from }) => shard === 9 && from === others[2]!.nodeId))
    for (const { got } of others) assert.deepEqual(got, [])
    assert.deepEqual((await stateOf(others[2]!)).shards, { active: 1, gaining: 0, locked: 1 })
    await world.turn(MOVED)
    await world.turn(MOVED)
    assert.deepEqual((await stateOf(others[2]!)).shards, { active: 1, gaining: 0, locked: 0 })
    await world.check()
  })

  it('3 whole committee swapped, and back: nothing is fetched that a node still had', async () => {
    const { world, nodes } = await begin([...EVEN, [], [], [], []])
    const swapped = [[], [], [], [], ...EVEN]
    await world.turn(swapped)
    await world.check()
    const before = nodes.map(({ got }) => got.length)
    await world.turn([...EVEN, [], [], [], []])
    await world.check()
    assert.deepEqual(
      nodes.slice(0, 4).map(({ got }) => got.length),
      before.slice(0, 4),
    )
    assert.equal(await nodes[5]!.state(), 'standby')
  })

  it('4 a shard that is lost, and back in the epoch after: its slivers are kept', async () => {
    const { world, nodes } = await begin(EVEN)
    await world.turn(MOVED)
    const only = await world.store({ except: [] })
    await world.settle()
    const before = nodes[3].got.length
    await world.turn(EVEN)
    assert.deepEqual(new Set(nodes[3].got.slice(before).map(({ blobId }) => blobId)), new Set([only]))
    await world.turn(EVEN)
    await world.check()
  })

  it('5 a committee that grows and shrinks: 4, 8, 5', async () => {
    const wide = [[0], [1], [2], [3], [4], [5], [6, 7], [8, 9]]
    const { world } = await begin([...EVEN, [], [], [], []])
    await world.turn(wide)
    await world.check()
    await world.store()
    await world.turn([[0, 1], [2, 3], [], [4, 5], [6, 7], [8, 9], [], []])
    await world.check()
    await world.turn([...EVEN, [], [], [], []])
    await world.check()
  })

  it('6 a node without a shard stands by, never reports, and is ready when it gets one', async () => {
    const { world, nodes } = await begin([...EVEN, []])
    const idle = nodes[4]!
    await world.turn([...EVEN, []])
    assert.equal(await idle.state(), 'standby')
    assert.ok(world.chain.reports.every(({ nodeId }) => nodeId !== idle.nodeId))
    await world.turn([[0, 1, 2], [3, 4, 5], [6, 7], [8], [9]])
    assert.equal(await idle.state(), 'active')
    await world.check()
  })

  for (const cut of ['goes on', 'was killed']) {
    it(`48 a shard that is being fetched ahead when the epoch begins, by a node that ${cut}: nothing comes twice`, async () => {
      const {
        world,
        nodes: [gainer, , , source],
      } = await begin(EVEN, 6)
      source.manners.page = async (_, { blobs, whole }) => {
        await world.clock.sleep(100)
        return { blobs: blobs.slice(0, 1), whole: whole && blobs.length <= 1 }
      }
      world.chain.select(MOVED)
      await world.until('some of it is there', () => gainer.got.length >= 4)
      if (cut === 'was killed') {
        gainer.kill()
        await gainer.start()
      }
      world.chain.begin()
      await world.reported(SECOND)
      const names = gainer.got.map(({ blobId, by }) => `${blobId} ${by}`)
      const twice = names.length / 2 - new Set(names).size
      // of the page under way when it was killed nothing is on the disk
      assert.ok(twice <= (cut === 'was killed' ? 1 : 0), `${twice} blobs came twice`)
      assert.ok(gainer.got.every(({ by }) => by === 'page'))
      await world.check()
    })
  }
})
