import assert from 'node:assert/strict'
import { stages } from './stage.ts'

describe('scenarios in the simulation: who has which shards', function () {
  this.timeout(240_000)
  const open = stages()

  it('1 no stake moves: all report, no byte of slivers moves', async () => {
    await using stage = await open()
    assert.equal(await stage.bytesOf(() => stage.turned()), 0)
    await stage.whole()
  })

  it('3 whole committee swapped, and back: no read fails', async () => {
    await using stage = await open({ nodes: 4, joiners: 4 })
    const { world, members, joiners } = stage
    await world.starting(joiners)
    for (const [i, node] of members.entries()) stage.restake(node, joiners[i]!)
    await stage.until('the swap', () => members.every(node => stage.shardsOf(node).length === 0), 90)
    await stage.readAll()
    await stage.reported()
    for (const [i, node] of joiners.entries()) stage.restake(node, members[i]!)
    await stage.until('the way back', () => joiners.every(node => stage.shardsOf(node).length === 0), 90)
    await stage.readAll()
    await stage.reported()
    await stage.whole()
    stage.expectNobodyNamed()
  })

  it('5 committee grows and shrinks: 4, 13, 5', async () => {
    await using stage = await open({ nodes: 4, joiners: 9, shards: 26 })
    const { world, members, joiners } = stage
    await world.starting(joiners)
    for (const node of joiners) world.chain.stake(node.nodeId, 100)
    await stage.until('growth', () => world.chain.now.current.members.length === 13, 90)
    await stage.readAll()
    await stage.reported()
    for (const { nodeId } of [...members, ...joiners].slice(5)) world.chain.unstake(nodeId)
    await stage.until('shrinking', () => world.chain.now.current.members.length === 5, 90)
    await stage.readAll()
    await stage.reported()
    await stage.whole()
  })

  it('6 node with stake but no shard: it stands by, never reports, and is ready when it gets some', async () => {
    await using stage = await open()
    const { world, joiners } = stage
    await world.starting(joiners)
    world.chain.stake(joiners[0]!.nodeId, 1)
    await stage.turned()
    await stage.turned()
    assert.deepEqual(stage.shardsOf(joiners[0]!), [])
    assert.equal((await joiners[0]!.services!.upkeep.view()).state, 'standby')
    world.chain.stake(joiners[0]!.nodeId, 200)
    await stage.until('shards', () => stage.shardsOf(joiners[0]!).length > 0, 90)
    await stage.reported()
    await stage.whole()
  })

  it('9 previous owner gone: its shards are rebuilt, and reported within the epoch', async () => {
    await using stage = await open()
    const [gone, heir] = [stage.members[0]!, stage.joiners[0]!]
    await stage.world.starting([heir])
    stage.restake(gone, heir)
    gone.kill()
    await stage.until('the move', () => stage.shardsOf(heir).length > 0, 90)
    await stage.reported()
    assert.ok(stage.hasReported(heir, stage.epoch))
    await stage.readAll()
  })

  it('11 previous owner sends empty pages: the shard is got otherwise', async () => {
    await using stage = await open()
    const [source, heir] = [stage.members[0]!, stage.joiners[0]!]
    await stage.world.starting([heir])
    source.lies.add('empty')
    source.everLied = true
    stage.restake(source, heir)
    await stage.until('the move', () => stage.shardsOf(heir).length > 0, 90)
    await stage.reported()
    await stage.whole()
  })

  it('12 previous owner itself never had the blob: the new owner rebuilds it', async () => {
    await using stage = await open()
    const [source, heir] = [stage.members[0]!, stage.joiners[0]!]
    source.kill()
    await stage.store()
    await stage.world.starting([heir])
    stage.restake(source, heir)
    await stage.until('the move', () => stage.shardsOf(heir).length > 0, 90)
    await stage.reported()
    await stage.whole()
  })

  it('19 disk full in mid-handoff: no report, and it goes on when there is room', async () => {
    await using stage = await open()
    const [source, heir] = [stage.members[0]!, stage.joiners[0]!]
    await stage.world.starting([heir])
    heir.disk.isFull = true
    stage.restake(source, heir)
    await stage.until('the move', () => stage.shardsOf(heir).length > 0, 90)
    await stage.pass(10)
    assert.ok(!stage.hasReported(heir))
    await stage.readAll()
    heir.disk.isFull = false
    await stage.until('its report', () => stage.hasReported(heir))
    await stage.whole()
  })

  it('34 all call voting_end and initiate at once: one succeeds each time', async () => {
    await using stage = await open()
    const { world } = stage
    // long due for everybody, and nobody sees in time that somebody was first
    for (const node of stage.members) node.init.rpc.faults.latencyMs = 2_000
    world.chain.aheadMs += 3 * world.epochMs
    world.invariants.jumped(3 * world.epochMs)
    const troubles = new Set<string | undefined>()
    while (stage.epoch < 3) {
      await world.advance(500)
      for (const node of stage.members) troubles.add((await node.services!.upkeep.view()).trouble)
    }
    await stage.reported()
    for (const type of ['EpochParametersSelected', 'EpochChangeStart'])
      assert.equal(world.chain.events.filter(event => event.type === type).length, stage.epoch - 1)
    assert.ok(world.chain.late > 0)
    assert.deepEqual([...troubles], [undefined])
  })
})
