import assert from 'node:assert/strict'
import type { ShardIndex } from '../../../../../codec/types.ts'
import { EVEN, MOVED, SECOND, scenes, stateOf } from './scenes.ts'

describe('epochs: the chain, as a node sees it', function () {
  this.timeout(60_000)
  const begin = scenes()

  it('a change of which RPCs show each step a moment after its event is nothing to be said', async () => {
    const { world, nodes } = await begin(EVEN)
    const behind = (ms: number) => {
      const before = world.chain.now
      for (const node of nodes) node.shown = () => before
      void world.clock.sleep(ms).then(() => {
        for (const node of nodes) node.shown = undefined
      })
    }
    for (const shards of [MOVED, EVEN]) {
      behind(300)
      world.chain.select(shards)
      await world.settle(5_000)
      behind(300)
      const epoch = world.chain.begin()
      await world.reported(epoch)
      await world.settle(5_000)
    }
    for (const { said } of nodes) assert.deepEqual(said, [])
    // one that stays behind is
    behind(60_000)
    world.chain.select(MOVED)
    await world.settle(30_000)
    for (const { said } of nodes) assert.match(said.join(), /does not show the committee that was selected/)
    await world.settle(30_000)
    for (const { said } of nodes) assert.equal(said.length, 1)
    await world.check()
  })

  it('36 a node without gas says so, the others go on, and it reports once it has some', async () => {
    const {
      world,
      nodes: [poor, ...others],
    } = await begin(EVEN, 1)
    poor.noReport = () => new Error('the wallet has no gas')
    world.chain.select(EVEN)
    world.chain.begin()
    await world.reported(SECOND, others)
    await world.settle(30_000)
    const { state, trouble } = await stateOf(poor)
    assert.equal(state, 'active')
    assert.match(trouble!, /epochSyncDone.*no gas/)
    // an hour of it is said a few times
    await world.settle(3_600_000)
    assert.ok(poor.said.length >= 1 && poor.said.length <= 8, `${poor.said.length} lines`)
    poor.noReport = undefined
    await world.reported(SECOND)
    await world.settle(1_000)
    assert.equal((await stateOf(poor)).trouble, undefined)
  })

  it('40 an epoch is heard of before the RPC shows its committee: nothing is planned from stale data', async () => {
    const {
      world,
      nodes: [gainer, , , loser],
    } = await begin(EVEN)
    const before = world.chain.now
    for (const node of [gainer, loser]) node.shown = () => before
    world.chain.select(MOVED)
    world.chain.begin()
    await world.settle(30_000)
    for (const node of [gainer, loser]) {
      assert.equal((await stateOf(node)).shards.gaining + (await stateOf(node)).shards.locked, 0)
      assert.equal(world.chain.hasReported(node.nodeId, SECOND), false)
      node.shown = undefined
    }
    await world.reported(SECOND)
    await world.check()
  })

  it('37 an RPC shows an epoch of which the events are 30 s behind: nothing is reported before they are there', async () => {
    const {
      world,
      nodes: [late],
    } = await begin(EVEN)
    const events = Promise.withResolvers<void>()
    late.beforeEvent = () => events.promise
    const blobId = await world.store({ except: [late] })
    world.chain.select(MOVED)
    world.chain.begin()
    await world.settle(30_000)
    assert.equal(world.chain.hasReported(late.nodeId, SECOND), false)
    events.resolve()
    await world.settle(5_000)
    // the blob was certified before the epoch, and is missing
    assert.equal(world.chain.hasReported(late.nodeId, SECOND), false)
    await world.upload(late, blobId, [0, 1, 2] as ShardIndex[])
    await world.reported(SECOND)
    await world.check()
  })

  it('45 f+1 weight never reports: the epoch stays in change, and everything else goes on', async () => {
    const {
      world,
      nodes: [node, second, third],
    } = await begin(EVEN)
    for (const one of [second, third]) one.noReport = () => new Error('never')
    world.chain.select(MOVED)
    world.chain.begin()
    await world.reported(SECOND, [node])
    const blobId = await world.store()
    await world.settle(60_000)
    assert.equal(world.chain.now.state.kind, 'sync')
    for (const one of world.nodes) assert.equal(await one.state(), 'active')
    // by which `floe health` names those who keep it from its end
    const told = await Promise.all(world.nodes.map(async one => (await stateOf(one)).reported === SECOND))
    assert.deepEqual(told, [true, false, false, true])
    assert.match((await stateOf(second)).trouble!, /never/)
    assert.equal((await node.slivers.list(blobId)).length, 8)
    for (const one of [second, third]) one.noReport = undefined
    await world.reported(SECOND)
    assert.equal(world.chain.now.state.kind, 'done')
    await world.check()
  })
})
