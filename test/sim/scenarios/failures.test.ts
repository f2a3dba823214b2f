import assert from 'node:assert/strict'
import type { ShardIndex } from '../../../codec/types.ts'
import type { SimNode } from '../node.ts'
import { stages } from './stage.ts'

describe('scenarios in the simulation: what nodes lose, and how it comes back', function () {
  this.timeout(240_000)
  const open = stages()

  async function wipe(node: SimNode): Promise<void> {
    node.kill()
    await node.disk.wipe()
    node.init.trace.note(`${node.name} has an empty disk`)
  }

  it('14 f weight serves wrong symbols: all is rebuilt, and who lied to it is named', async () => {
    await using stage = await open({ nodes: 7, shards: 7, blobs: 20 })
    const [lost, ...others] = stage.members as [SimNode, ...SimNode[]]
    const liars = others.slice(0, 2)
    for (const node of liars) {
      node.lies.add('symbols')
      node.everLied = true
    }
    await wipe(lost)
    stage.world.invariants.wiped(lost)
    await lost.start()
    await stage.turned(others)
    await stage.whole()
    const lied = new Set(stage.world.network.told.map(({ liar }) => liar))
    const named = liars.filter(({ nodeId }) => stage.world.accused.has(nodeId))
    assert.deepEqual(new Set(named.map(({ name }) => name)), lied)
    assert.notEqual(lied.size, 0)
  })

  it('15 f weight silent, one honest node late: what is lost comes back', async () => {
    await using stage = await open({ nodes: 7, shards: 7 })
    const [lost, silent, alsoSilent, late] = stage.members as [SimNode, SimNode, SimNode, SimNode]
    for (const node of [silent, alsoSilent]) {
      node.lies.add('silent')
      node.everLied = true
    }
    await wipe(lost)
    stage.world.invariants.wiped(lost)
    late.kill()
    await lost.start()
    await stage.pass(5)
    await late.start()
    await stage.begun()
    await stage.until('it is whole', async () => {
      const noted = await lost.disk.node.missing({ limit: 1 })
      return noted.length === 0 && stage.hasReported(lost)
    })
  })

  it('18 disk wiped: all is rebuilt, and reported in the next epoch', async () => {
    await using stage = await open()
    const lost = stage.members[0]!
    await wipe(lost)
    stage.world.invariants.wiped(lost)
    await lost.start()
    await stage.turned()
    await stage.whole()
    stage.expectNobodyNamed()
  })

  it('20 bit rot in 1% of slivers: found and repaired within an epoch, and never served', async () => {
    await using stage = await open({ blobs: 100 })
    const node = stage.members[0]!
    const shards = stage.shardsOf(node) as ShardIndex[]
    assert.ok((await node.disk.rot(stage.blobIds.slice(0, shards.length), shards)) > 0)
    stage.world.invariants.wiped(node)
    assert.ok(await node.disk.isRotten())
    await stage.readAll()
    await stage.turned()
    await stage.until('the scrub', async () => !(await node.disk.isRotten()))
    await stage.whole()
    stage.expectNobodyNamed()
  })

  for (const epochs of [1, 2, 3, 10]) {
    it(`21 node away for ${epochs} epochs: it ends whole`, async () => {
      await using stage = await open()
      const [away, ...others] = stage.members as [SimNode, ...SimNode[]]
      await stage.pass(1)
      away.kill()
      await stage.store()
      for (let i = 0; i < epochs; i++) await stage.turned(others)
      await away.start()
      await stage.turned()
      await stage.whole()
    })
  }

  it('22 recovery longer than two epochs, with restarts: it goes on where it was', async () => {
    await using stage = await open({ blobs: 100 })
    const [lost, ...others] = stage.members as [SimNode, ...SimNode[]]
    await wipe(lost)
    stage.world.invariants.wiped(lost)
    // nobody can give it anything
    stage.world.network.cut([lost.init.peerId])
    await lost.start()
    await stage.turned(others)
    await stage.turned(others)
    lost.kill()
    stage.world.network.heal([lost.init.peerId])
    await lost.start()
    await stage.pass(1)
    lost.kill()
    await lost.start()
    await stage.turned()
    await stage.whole()
  })

  it('23 history pruned while away: the blob table of others is taken, and agrees', async () => {
    await using stage = await open()
    const [away, ...others] = stage.members as [SimNode, ...SimNode[]]
    away.kill()
    await stage.store()
    for (let i = 0; i < 3; i++) await stage.turned(others)
    stage.world.chain.pruneBefore(stage.epoch - 1)
    assert.ok(stage.world.chain.lowest > Number(await away.disk.blobs.cursor()))
    await away.start()
    await stage.turned()
    await stage.whole()
  })

  for (const phase of ['within an epoch', 'before the change', 'in the change'] as const) {
    it(`24 all nodes restarted at once ${phase}`, async () => {
      await using stage = await open()
      const { chain } = stage.world
      if (phase === 'before the change') await stage.until('selected', () => chain.now.next !== undefined)
      if (phase === 'in the change') {
        const { epoch } = stage
        while (chain.epoch === epoch) await stage.world.advance(100)
      }
      for (const node of stage.members) node.kill()
      await stage.world.starting(stage.members)
      await stage.pass(1)
      await stage.reported()
      await stage.turned()
      await stage.readAll()
      await stage.whole()
    })
  }

  it('25 blob expires while it is recovered: nothing of it is left', async () => {
    await using stage = await open()
    const [lost, ...others] = stage.members as [SimNode, ...SimNode[]]
    const blobId = await stage.store({ epochs: 1 })
    await stage.pass(1)
    await wipe(lost)
    stage.world.invariants.wiped(lost)
    stage.world.network.cut([lost.init.peerId])
    await lost.start()
    await stage.turned(others)
    stage.world.network.heal([lost.init.peerId])
    await stage.turned()
    await stage.turned()
    await stage.whole()
    for (const node of stage.members) assert.ok(!(await node.disk.hasAny(blobId)))
  })

  it('47 read while owners lack 60% of their slivers: nobody is at fault for it, and it succeeds', async () => {
    await using stage = await open({ nodes: 10, shards: 20, blobs: 8 })
    // two have lost both of theirs, the others one: what is left is needed, of those who lack something as well
    for (const [i, node] of stage.members.entries()) {
      const shards = stage.shardsOf(node) as ShardIndex[]
      for (const shard of i < 2 ? shards : shards.slice(0, 1)) await node.disk.rot(stage.blobIds, [shard])
      stage.world.invariants.wiped(node)
    }
    await stage.readAll()
    stage.expectNobodyNamed()
  })
})
