import assert from 'node:assert/strict'
import type { SimNode } from '../node.ts'
import { stages } from './stage.ts'

describe('scenarios in the simulation: clocks, RPCs, keys and links', function () {
  this.timeout(240_000)
  const open = stages()

  it('32 registered in one epoch, certified in the next: it is read, and nobody waits for it', async () => {
    await using stage = await open()
    const { chain } = stage.world
    const { rpc } = stage.world.clients[0]!
    await stage.until('the end of the epoch', () => chain.now.next !== undefined)
    const before = stage.epoch
    while (chain.timing(chain.now).changeDueMs! - chain.nowMs > 0) await stage.world.advance(50)
    const { onEvent } = chain
    chain.onEvent = event => {
      onEvent(event)
      // the epoch ends while the certificate is on its way
      if (event.type === 'BlobRegistered') rpc.faults.latencyMs = 60_000
      if (event.type === 'EpochChangeStart') rpc.faults.latencyMs = 50
    }
    const blobId = await stage.store()
    const blob = [...chain.blobs.values()].find(one => one.blobId === blobId)!
    assert.deepEqual([blob.registeredEpoch, blob.certifiedEpoch], [before, before + 1])
    await stage.turned()
    await stage.readAll()
    await stage.whole()
  })

  it('36 node without gas: others go on, and it reports when it has some', async () => {
    await using stage = await open()
    const [broke, ...others] = stage.members as [SimNode, ...SimNode[]]
    broke.init.rpc.faults.isBroke = true
    const epoch = await stage.turned(others)
    assert.ok(!stage.hasReported(broke))
    broke.init.rpc.faults.isBroke = false
    await stage.until('its report', () => stage.hasReported(broke, epoch))
  })

  it('37 RPC 30 s behind for one node: nothing wrong is signed, nothing fails', async () => {
    await using stage = await open()
    const [late, ...others] = stage.members as [SimNode, ...SimNode[]]
    late.init.rpc.faults.lagMs = 30_000
    await stage.store()
    // without it there are too few: it has to wait until it sees for itself what is registered
    const gone = others.at(-1)!
    gone.kill()
    await stage.store()
    await gone.start()
    const { chain } = stage.world
    const { epoch } = stage
    while (stage.epoch === epoch) await stage.world.advance(1_000)
    assert.equal(late.services!.upkeep.epoch(), epoch)
    const blobId = await stage.store()
    const blob = [...chain.blobs.values()].find(one => one.blobId === blobId)!
    assert.equal(blob.certifiedEpoch, epoch + 1)
    await stage.readAll()
    await stage.reported(others)
    await stage.reported()
    await stage.store()
    await stage.readAll()
    await stage.whole()
  })

  it('39 RPC answers in 5 s through a whole change: it ends, readers notice nothing', async () => {
    await using stage = await open()
    for (const node of stage.members) node.init.rpc.faults.latencyMs = 5_000
    await stage.begun()
    assert.ok((await stage.readAll()) < 5_000)
    await stage.reported()
    assert.ok((await stage.readAll()) < 5_000)
    await stage.whole()
  })

  it("41 clocks of nodes off by 10 min, the chain's jumps 1 h: epochs follow the chain", async () => {
    await using stage = await open()
    const { chain, invariants, timeline } = stage.world
    for (const [i, node] of stage.members.entries())
      node.init.skew.offsetMs = i % 2 === 0 ? 600_000 : -600_000
    const before = timeline.ms
    chain.aheadMs += 3_600_000
    invariants.jumped(3_600_000)
    await stage.turned()
    assert.ok(timeline.ms - before < stage.world.epochMs)
    const began = chain.beganAt(stage.epoch)!
    await stage.turned()
    assert.ok(chain.beganAt(stage.epoch)! - began >= stage.world.epochMs)
    await stage.whole()
  })

  it('42 BLS key rotated in the change: certificates verify before and after', async () => {
    await using stage = await open()
    const { random, bls } = stage.members[0]!.init
    for (const node of stage.members) node.renewBlsKey(random.bytes(32))
    await stage.store()
    const keys = stage.world.chain.now.current.members.map(({ blsPublicKey }) => blsPublicKey)
    await stage.turned()
    await stage.store()
    const renewed = stage.world.chain.now.current.members.map(({ blsPublicKey }) => blsPublicKey)
    assert.notDeepEqual(renewed, keys)
    const second = stage.members.map(({ init }) => bls.publicKey(init.secrets[1]!))
    assert.deepEqual(new Set(renewed.map(String)), new Set(second.map(String)))
    await stage.whole()
  })

  it('43 network key replaced in mid-handoff: all goes on, and the one before is gone two epochs later', async () => {
    await using stage = await open()
    const { world } = stage
    const [source, heir] = [stage.members[0]!, stage.joiners[0]!]
    await world.starting([heir])
    stage.restake(source, heir)
    const { epoch } = stage
    while (stage.epoch === epoch || stage.shardsOf(heir).length === 0) await world.advance(100)
    const [old] = source.peerIds
    source.renewNetworkKey(Uint8Array.from([0, ...source.init.random.bytes(32)]))
    await stage.store()
    await stage.reported()
    assert.deepEqual(source.peerIds.slice(1), [old])
    await stage.readAll()
    await stage.turned()
    await stage.turned()
    assert.ok(!source.peerIds.includes(old!))
    world.chain.stake(source.nodeId, 200)
    await stage.until('its shards', () => stage.shardsOf(source).length > 0, 90)
    await stage.reported()
    await stage.readAll()
    await stage.whole()
    stage.expectNobodyNamed()
  })

  it('44 partition that leaves 2f+1, then heals: that side goes on, the others catch up', async () => {
    await using stage = await open({ nodes: 7, shards: 7 })
    const [a, b, ...others] = stage.members as [SimNode, SimNode, ...SimNode[]]
    const cut = [a, b].map(({ init }) => init.peerId)
    stage.world.network.cut(cut)
    await stage.store()
    await stage.turned(others)
    await stage.readAll()
    stage.world.network.heal(cut)
    await stage.turned()
    await stage.whole()
    stage.expectNobodyNamed()
  })

  it('45 f+1 weight never reports: the change stays open, reads and writes go on', async () => {
    await using stage = await open({ nodes: 7, shards: 7 })
    const silent = stage.members.slice(0, 3)
    for (const { init } of silent) init.rpc.faults.isBroke = true
    await stage.begun()
    await stage.pass(10)
    assert.equal(stage.world.chain.now.state.kind, 'sync')
    await stage.store()
    await stage.readAll()
    for (const { init } of silent) init.rpc.faults.isBroke = false
    await stage.until('the end of the change', () => stage.world.chain.now.state.kind === 'done')
  })

  it('46 readers with committees of the epoch before: they are served, and find the new ones', async () => {
    await using stage = await open({ nodes: 4, joiners: 4 })
    const { world, members, joiners } = stage
    await world.starting(joiners)
    // asked again only by who missed something
    world.clients[1]!.rpc.recentMs = Number.POSITIVE_INFINITY
    await stage.readAll(1)
    for (const [i, node] of members.entries()) stage.restake(node, joiners[i]!)
    const moved = (): boolean => joiners.every(node => stage.shardsOf(node).length > 0)
    while (!moved()) await world.advance(1_000)
    await stage.readAll(1)
    await stage.reported()
    for (const node of members) node.kill()
    await stage.readAll(1)
    stage.expectNobodyNamed()
  })
})
