import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { BlobId, Epoch, ShardIndex } from '../../../../codec/types.ts'
import type { ShardSyncQuery } from '../../../../protocols/shard-sync/messages.ts'
import { type SentPage, untilAborted } from '../../../support/epochs/manners.ts'
import type { WorldNode } from '../../../support/epochs/world-node.ts'
import { EpochsWorld } from '../../../support/epochs-world.ts'

/** Shards of four nodes, evenly. */
const EVEN = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7],
  [8, 9],
]
/** as EVEN, but shard 9 is that of the first node */
const MOVED = [[0, 1, 2, 9], [3, 4, 5], [6, 7], [8]]

const SECOND = 2 as Epoch

/** Blobs that nobody has ever registered, always more of them. */
function endless({ after }: ShardSyncQuery): SentPage {
  const last = after === undefined ? Buffer.alloc(32) : Buffer.from(after, 'base64url')
  // each a little further
  last.writeUIntBE(last.readUIntBE(0, 6) + 1, 0, 6)
  randomBytes(26).copy(last, 6)
  return { blobs: [{ blobId: last.toString('base64url') as BlobId }], whole: false }
}

const stateOf = (node: WorldNode) => node.running!.upkeep.view()

describe('epochs: scenarios', function () {
  this.timeout(60_000)
  let world: EpochsWorld
  afterEach(async () => {
    await world?.[Symbol.asyncDispose]()
  })
  const begin = async (shards: readonly (readonly number[])[], blobs = 3) => {
    world = await EpochsWorld.create({ shards })
    await world.settle()
    for (let i = 0; i < blobs; i++) await world.store()
    await world.settle()
    return world.nodes as [WorldNode, WorldNode, WorldNode, WorldNode, ...WorldNode[]]
  }

  /** How many slivers anybody was asked for. */
  const countingAsked = () => {
    let asked = 0
    for (const node of world.nodes)
      node.manners.sliver = async (_, __, had) => {
        asked++
        return had
      }
    return () => asked
  }

  it('1 no stake moves: all report, no byte of slivers moves', async () => {
    const nodes = await begin(EVEN)
    await world.turn(EVEN)
    await world.check()
    for (const { got } of nodes) assert.deepEqual(got, [])
    for (const node of nodes) assert.equal(await node.state(), 'active')
  })

  it('a change of which RPCs show each step a moment after its event is nothing to be said', async () => {
    const nodes = await begin(EVEN)
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

  it('2 one shard moves: only its bytes move, and what was fetched ahead is not fetched again', async () => {
    const [gainer, ...others] = await begin(EVEN)
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
    const nodes = await begin([...EVEN, [], [], [], []])
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
    const nodes = await begin(EVEN)
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
    await begin([...EVEN, [], [], [], []])
    await world.turn(wide)
    await world.check()
    await world.store()
    await world.turn([[0, 1], [2, 3], [], [4, 5], [6, 7], [8, 9], [], []])
    await world.check()
    await world.turn([...EVEN, [], [], [], []])
    await world.check()
  })

  it('6 a node without a shard stands by, never reports, and is ready when it gets one', async () => {
    const nodes = await begin([...EVEN, []])
    const idle = nodes[4]!
    await world.turn([...EVEN, []])
    assert.equal(await idle.state(), 'standby')
    assert.ok(world.chain.reports.every(({ nodeId }) => nodeId !== idle.nodeId))
    await world.turn([[0, 1, 2], [3, 4, 5], [6, 7], [8], [9]])
    assert.equal(await idle.state(), 'active')
    await world.check()
  })

  describe('a previous owner', () => {
    it('9 that is gone: its shard is got elsewhere, or waited for, and everybody else reports', async () => {
      const [gainer, second, third, gone] = await begin(EVEN)
      world.chain.select(MOVED)
      await gone.stop()
      world.chain.begin()
      await world.reported(SECOND, [second, third])
      await world.until('the source is given up', async () => 'handoff' in (await stateOf(gainer)).missing)
      assert.equal(await gainer.state(), 'recovering')
      await gone.start()
      await world.reported(SECOND)
      await world.check()
    })

    it('9 that is gone for good: what it had is made anew from what others have, and the report comes within the epoch', async () => {
      const [gainer, second, third, gone] = await begin(EVEN)
      await gone.stop()
      world.chain.select(MOVED)
      await world.settle(2_000)
      world.chain.begin()
      await world.reported(SECOND, [gainer, second, third])
      assert.equal(world.chain.now.state.kind, 'done')
      assert.ok(gainer.got.every(({ from }) => from !== gone.nodeId))
      assert.equal((await stateOf(gainer)).reported, SECOND)
      await world.check()
    })

    it('9 that is gone for epochs, and in no committee any more, is asked again: it comes back with what nobody else has', async () => {
      const [gainer, second, third, gone] = await begin(EVEN, 0)
      const blobId = await world.store({ except: [second, third] })
      await world.settle()
      world.chain.select(MOVED)
      await gone.stop()
      world.chain.begin()
      await world.settle(60_000)
      assert.deepEqual((await stateOf(gainer)).missing, { handoff: 1 })
      // two epochs without it, and a restart
      for (let i = 0; i < 2; i++) {
        world.chain.select([[0, 1, 2, 9], [3, 4, 5], [6, 7, 8], []])
        await world.settle(2_000)
        world.chain.begin()
        await world.settle(60_000)
      }
      await gainer.stop()
      await gainer.start()
      await world.settle(60_000)
      const { previous, current } = world.chain.now
      for (const committee of [previous!, current])
        assert.ok(committee.members.every(({ nodeId }) => nodeId !== gone.nodeId))
      assert.equal((await stateOf(gainer)).state, 'recovering')
      await gone.start()
      await world.until('it has what was missing', async () => (await stateOf(gainer)).state === 'active')
      assert.deepEqual(
        new Set(gainer.got.map(({ from, blobId: id, shard, by }) => `${from} ${id} ${shard} ${by}`)),
        new Set([`${gone.nodeId} ${blobId} 9 fetch`]),
      )
    })

    it('10 that sends a wrong, a truncated and a foreign sliver: refused and named, and the sync goes on', async () => {
      const [gainer, , , liar] = await begin(EVEN, 4)
      let lied = 0
      liar.manners.page = (_, page) => {
        const [first, second] = page.blobs
        if (lied++ > 0 || second === undefined) return page
        first!.primary![3]! ^= 1
        second.primary = page.blobs[2]!.primary!.slice()
        return page
      }
      await world.turn(MOVED)
      assert.equal(gainer.accused.length, 2)
      assert.ok(gainer.accused.every(name => name === `${liar.nodeId} sliver`))
      await world.check()
      liar.manners.page = (_, page) => {
        for (const blob of page.blobs) blob.primary = blob.primary!.subarray(1)
        return page
      }
      await world.turn([[0, 1, 2, 8, 9], [3, 4, 5], [6, 7], []])
      assert.equal(gainer.accused.at(-1), `${liar.nodeId} shard page`)
      await world.check()
    })

    for (const [what, page] of [
      ['nothing', (_: unknown, __: SentPage, signal: AbortSignal) => untilAborted(signal)],
      ['empty pages', () => ({ blobs: [], whole: false })],
      ['blobs that nobody knows', endless],
    ] as const) {
      it(`11 that sends ${what} for ever is given up after 30 s, and the rest is got by name`, async () => {
        const [gainer, , , source] = await begin(EVEN)
        source.manners.page = async (...args) => {
          await world.clock.sleep(50)
          return await page(...args)
        }
        world.chain.select(MOVED)
        world.chain.begin()
        await world.settle(20_000)
        assert.equal((await stateOf(gainer)).shards.gaining, 1)
        await world.until('it reports', () => world.chain.hasReported(gainer.nodeId, SECOND), 30_000)
        await world.check()
      })
    }

    it('11 that sends one blob after the other, each late, is given up as well', async () => {
      const [gainer, , , source] = await begin(EVEN, 20)
      source.manners.page = async (_, { blobs }) => {
        await world.clock.sleep(20_000)
        return { blobs: blobs.slice(0, 1), whole: false }
      }
      world.chain.select(MOVED)
      world.chain.begin()
      await world.until('it reports', () => world.chain.hasReported(gainer.nodeId, SECOND), 60_000)
      await world.check()
    })

    it('11 that breaks off each page is given up as well', async () => {
      const [gainer, , , source] = await begin(EVEN, 2)
      source.manners.page = (_, page) => ({ ...page, breaks: true })
      world.chain.select(MOVED)
      world.chain.begin()
      await world.until('it reports', () => world.chain.hasReported(gainer.nodeId, SECOND), 60_000)
      await world.check()
    })

    it('12 that never had a blob: the new owner rebuilds it from the others', async () => {
      const [gainer, , , source] = await begin(EVEN)
      const blobId = await world.store({ except: [source] })
      await world.settle()
      world.chain.select(MOVED)
      world.chain.begin()
      // and so has the source what it lacks of its other shard
      await world.reported(SECOND)
      assert.deepEqual((await stateOf(gainer)).missing, {})
      assert.equal((await gainer.slivers.list(blobId)).length, 2 * MOVED[0]!.length)
      await world.check()
    })

    it('13 that is still in the epoch before is asked again, also by who is new, and is not at fault', async () => {
      const nodes = await begin([...EVEN, []])
      const [, , , source] = nodes
      const before = world.chain.now
      source.shown = () => before
      world.chain.select([[0, 1, 2], [3, 4, 5], [6, 7], [8], [9]])
      world.chain.begin()
      await world.settle(10_000)
      assert.equal((await stateOf(nodes[4]!)).shards.gaining, 1)
      source.shown = undefined
      await world.until('it reports', () => world.chain.hasReported(nodes[4]!.nodeId, SECOND), 20_000)
      assert.ok(nodes[4]!.got.every(({ by }) => by === 'page'))
      assert.deepEqual(nodes[4]!.accused, [])
    })
  })

  describe('a blob', () => {
    it('25 that ends while its shard is fetched ahead, or while it is missing: nothing of it stays', async () => {
      const [gainer, , , source] = await begin(EVEN, 1)
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
      const [node] = await begin(EVEN, 1)
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
      const [gainer] = await begin(EVEN, 1)
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
      const [node] = await begin(EVEN, 1)
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
      const [node] = await begin(EVEN, 0)
      const asked = countingAsked()
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
      const [node] = await begin(EVEN, 0)
      const asked = countingAsked()
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
      const [gainer, , , source] = await begin(EVEN, 0)
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

  it('36 a node without gas says so, the others go on, and it reports once it has some', async () => {
    const [poor, ...others] = await begin(EVEN, 1)
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
    const [gainer, , , loser] = await begin(EVEN)
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
    const [late] = await begin(EVEN)
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

  for (const cut of ['goes on', 'was killed']) {
    it(`48 a shard that is being fetched ahead when the epoch begins, by a node that ${cut}: nothing comes twice`, async () => {
      const [gainer, , , source] = await begin(EVEN, 6)
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

  it('45 f+1 weight never reports: the epoch stays in change, and everything else goes on', async () => {
    const [node, second, third] = await begin(EVEN)
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
