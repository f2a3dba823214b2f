import assert from 'node:assert/strict'
import type { Committees } from '../../../../chain/types/index.ts'
import type { BlobId, Epoch, ShardIndex } from '../../../../codec/types.ts'
import { LAST_BLOB } from '../../../../node/storage/epochs/find-lacking.ts'
import { BLOB_PREFIX, MISSING_PREFIX } from '../../../../node/storage/store/keys.ts'
import { createNodeRecords } from '../../../../node/storage/store/node-records.ts'
import { untilAborted } from '../../../support/epochs/manners.ts'
import type { WorldNode } from '../../../support/epochs/world-node.ts'
import { EpochsWorld } from '../../../support/epochs-world.ts'
import { refused } from '../../../support/model-chain.ts'
import { tellFailures } from '../../../support/tell-failures.ts'

const EVEN = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7],
  [8, 9],
]
const MOVED = [[0, 1, 2, 9], [3, 4, 5], [6, 7], [8]]
const SECOND = 2 as Epoch

const turnOfLoop = () => new Promise<false>(resolve => setImmediate(resolve, false))

describe('epochs of a node', function () {
  this.timeout(60_000)
  const told = tellFailures()
  let world: EpochsWorld
  let nodes: [WorldNode, WorldNode, WorldNode, WorldNode]
  const begin = async ({ shards = EVEN, blobs = 0 }: { shards?: typeof EVEN; blobs?: number } = {}) => {
    world = told(await EpochsWorld.create({ shards }))
    nodes = world.nodes as typeof nodes
    await world.settle()
    for (let i = 0; i < blobs; i++) await world.store()
    await world.settle()
  }
  afterEach(() => world?.[Symbol.asyncDispose]())
  const recordsOf = (node: WorldNode) => createNodeRecords(node.records)
  const reported = (node: WorldNode, epoch: Epoch) => world.chain.hasReported(node.nodeId, epoch)

  it('reports although the chain was away, events and all, when it first tried', async () => {
    await begin()
    const [node] = nodes
    let fails = true
    node.noReport = () => (fails ? new Error('the chain does not answer') : undefined)
    world.chain.select(EVEN)
    world.chain.begin()
    await world.settle(1_000)
    node.chainDown = true
    node.loseEvents()
    await world.settle(30_000)
    node.chainDown = false
    fails = false
    await world.until('it reports', () => reported(node, SECOND), 60_000)
  })

  it('tells no more that it is whole for an epoch when another has begun', async () => {
    await begin()
    const [node] = nodes
    const tried: Epoch[] = []
    node.noReport = epoch => {
      tried.push(epoch)
      return new Error('no gas')
    }
    world.chain.select(EVEN)
    world.chain.begin()
    await world.settle(5_000)
    world.chain.select(EVEN)
    world.chain.begin()
    await world.settle(1_000)
    tried.length = 0
    await world.settle(60_000)
    assert.ok(tried.length > 0)
    assert.ok(tried.every(epoch => epoch === 3))
  })

  it('reports once the only blob that it lacks is deleted, or has been swept', async () => {
    await begin()
    const [node, ...others] = nodes
    for (const other of world.nodes) other.manners = { sliver: async () => undefined }
    const blobId = await world.store({ except: [node] })
    await world.settle()
    world.chain.select(EVEN)
    world.chain.begin()
    await world.reported(SECOND, others)
    await world.settle(100_000)
    assert.equal(reported(node, SECOND), false)
    world.chain.delete(blobId, world.stored.get(blobId)!.objectId)
    await world.until('it reports', () => reported(node, SECOND), 5_000)
  })

  it('notes a blob that is certified while a shard becomes whole', async () => {
    await begin({ blobs: 1 })
    const [node] = nodes
    world.chain.select(MOVED)
    world.chain.begin()
    // the event has looked at what is due, and is not written yet, while the shard is compared with the list
    const written = Promise.withResolvers<void>()
    const looked = Promise.withResolvers<void>()
    const blob = Promise.withResolvers<BlobId>()
    let isLast = false
    node.onWrite = async (when, what) => {
      const record = (await recordsOf(node).shards()).get(9 as ShardIndex)
      if (when === 'after' && what === '/shard/0009' && record?.cursor === LAST_BLOB && !isLast) {
        isLast = true
        blob.resolve(await world.store({ except: [node] }))
        await looked.promise
      }
      if (when === 'before' && isLast && what.includes('/cursor') && what.includes('/missing')) {
        looked.resolve()
        await written.promise
      }
    }
    const blobId = await blob.promise
    await world.settle(2_000)
    written.resolve()
    await world.settle(1_000)
    const missing = await recordsOf(node).missingOf(blobId)
    assert.deepEqual([...(missing?.shards ?? [])].sort(), [0, 1, 2, 9])
  })

  it('38 does not plan for an epoch before one whose beginning it has heard of, whatever its RPC shows', async () => {
    await begin({ blobs: 2 })
    const [node, , , loser] = nodes
    const old: Committees = world.chain.now
    await world.turn(MOVED)
    for (const one of [node, loser]) {
      await one.stop()
      // switched to an RPC node that is behind the cursor
      one.shown = () => ({ ...old, next: undefined! })
      await one.start()
    }
    await world.settle(5_000)
    assert.equal((await recordsOf(loser).shards()).get(9 as ShardIndex)?.state, 'locked')
    for (const one of [node, loser]) one.shown = undefined
    await world.until(
      'both are active',
      async () => (await node.state()) + (await loser.state()) === 'activeactive',
      20_000,
    )
    assert.equal((await recordsOf(loser).shards()).get(9 as ShardIndex)?.state, 'locked')
    await world.check()
  })

  it('has heard of an epoch although it was killed right after, and its RPC is behind', async () => {
    await begin({ blobs: 2 })
    const [node] = nodes
    const old: Committees = world.chain.now
    world.chain.select(MOVED)
    await world.settle(2_000)
    node.onWrite = when => {
      if (when === 'after') node.kill()
    }
    world.chain.begin()
    await world.settle(100)
    node.onWrite = undefined
    node.kill()
    node.shown = () => old
    await node.start()
    await world.settle(2_000)
    node.shown = undefined
    await world.until('it reports', () => reported(node, SECOND), 20_000)
    await world.check()
  })

  it('fetches ahead although its RPC shows the selected committee after the event', async () => {
    await begin({ blobs: 2 })
    const [node] = nodes
    const old: Committees = world.chain.now
    node.shown = () => old
    world.chain.select(MOVED)
    await world.settle(2_000)
    assert.equal(node.got.length, 0)
    node.shown = undefined
    await world.until('it is fetched', () => node.got.length === 4, 20_000)
  })

  it('takes a shard page by page although an upload has brought some of it before', async () => {
    await begin({ blobs: 5 })
    const [node, ...others] = nodes
    node.shown = () => ({ ...world.chain.now, next: undefined! })
    // no time to fetch ahead
    world.chain.select(MOVED)
    node.beforeEvent = async ({ type }) => {
      if (type === 'EpochChangeStart') await world.store()
    }
    world.chain.begin()
    await world.reported(SECOND, [node, ...others])
    assert.ok(node.got.every(({ by }) => by === 'page'))
    await world.check()
  })

  it('looks for what gained shards lack in one pass over its list, and notes each blob once', async () => {
    await begin({ blobs: 3 })
    const [gainer, , source, other] = nodes
    for (const one of [source, other]) one.manners.page = (_, page) => ({ ...page, blobs: [] })
    const passes: string[] = []
    const { list } = gainer.records
    gainer.records.list = prefix => {
      passes.push(prefix)
      return list(prefix)
    }
    await gainer.stop()
    await gainer.start()
    let noted = 0
    let notedBefore = 0
    gainer.onWrite = (when, what) => {
      if (when === 'after') return
      if (what.startsWith('/missing')) noted++
      // that they are active is written last, for all of them
      if (what.match(/.shard/g)?.length === 4) notedBefore = noted
    }
    // they come one after the other, two of each source at a time
    world.chain.select([[0, 1, 2, 6, 7, 8, 9], [3, 4, 5], [], []])
    world.chain.begin()
    await world.until(
      'they are compared',
      async () => (await gainer.running!.upkeep.view()).shards.active === 7,
    )
    assert.equal(passes.filter(prefix => prefix === BLOB_PREFIX).length, 1)
    assert.equal(notedBefore, 3)
    await world.reported(SECOND)
    await world.check()
  })

  it('waits for shards that are still on their way no longer than for a while', async () => {
    await begin({ blobs: 2 })
    const [gainer, , source, silent] = nodes
    source.manners.page = (_, page) => ({ ...page, blobs: [] })
    silent.manners.page = (_, __, signal) => untilAborted(signal)
    world.chain.select([[0, 1, 2, 7, 9], [3, 4, 5], [6], [8]])
    await world.settle(2_000)
    world.chain.begin()
    await world.settle(5_000)
    assert.equal((await gainer.running!.upkeep.view()).shards.gaining, 2)
    await world.settle(10_000)
    assert.deepEqual((await gainer.running!.upkeep.view()).shards, { active: 4, gaining: 1, locked: 0 })
    await world.reported(SECOND)
    await world.check()
  })

  it('reads what is due of what it lacks, and not all of it, when a blob is certified or its health is asked for', async () => {
    await begin()
    const [node] = nodes
    for (const one of nodes) one.manners = { sliver: async () => undefined }
    for (let i = 0; i < 20; i++) await world.store({ except: [node] })
    await world.settle(60_000)
    assert.deepEqual((await node.running!.upkeep.view()).missing, { tail: 20 })
    let reads = 0
    const { get } = node.records
    node.records.get = key => {
      if (key.startsWith(MISSING_PREFIX)) reads++
      return get(key)
    }
    const stored = await world.store({ except: [node] })
    await node.running!.upkeep.view()
    await world.settle(0)
    // of the new one, before and after its event
    assert.ok(reads <= 4, `${reads} reads`)
    assert.deepEqual((await node.running!.upkeep.view()).missing, { tail: 21 })
    await world.upload(node, stored, [0, 1, 2] as ShardIndex[])
    await world.settle(0)
    assert.deepEqual((await node.running!.upkeep.view()).missing, { tail: 20 })
  })

  it('a shard that is lost while it becomes whole stays locked', async () => {
    await begin({ blobs: 1 })
    const [node] = nodes
    const compared = Promise.withResolvers<void>()
    const lost = Promise.withResolvers<void>()
    const { listShard } = node.slivers
    node.slivers.listShard = async (...args) => {
      const found = await listShard.apply(node.slivers, args)
      if (args[0] !== 9) return found
      compared.resolve()
      await lost.promise
      return found
    }
    world.chain.select(MOVED)
    world.chain.begin()
    await world.until('the shard is compared', () =>
      Promise.race([compared.promise.then(() => true), turnOfLoop()]),
    )
    // the comparison is over while the loss is being written
    node.onWrite = async (when, what) => {
      if (when !== 'before' || what !== '/shard/0009') return
      node.onWrite = undefined
      lost.resolve()
      for (let i = 0; i < 10; i++) await turnOfLoop()
    }
    world.chain.select(EVEN)
    world.chain.begin()
    await world.settle(500)
    assert.equal((await recordsOf(node).shards()).get(9 as ShardIndex)?.state, 'locked')
    assert.deepEqual((await node.running!.upkeep.view()).shards, { active: 3, gaining: 0, locked: 1 })
  })

  it('a lost shard that is being removed is kept when it is to come back', async () => {
    await begin({ blobs: 3 })
    const [, , , loser] = nodes
    await world.turn(MOVED)
    const going = Promise.withResolvers<void>()
    const { deleteShard } = loser.slivers
    let aborted: boolean | undefined
    loser.slivers.deleteShard = async (shard, { signal } = {}) => {
      going.resolve()
      await new Promise<void>(resolve => {
        signal?.addEventListener('abort', () => resolve(), { once: true })
        world.clock.after(600_000, resolve)
      })
      aborted = signal?.aborted === true
      return await deleteShard.call(loser.slivers, shard, { signal })
    }
    await world.turn(MOVED)
    await going.promise
    world.chain.select(EVEN)
    await world.settle(1_000)
    assert.equal(aborted, true)
    assert.equal((await recordsOf(loser).shards()).get(9 as ShardIndex)?.state, 'locked')
    world.chain.begin()
    await world.reported(4 as Epoch)
    assert.equal(loser.got.length, 0)
    await world.check()
  })

  it('35 what was reported although the answer was lost counts as reported', async () => {
    await begin()
    const [node] = nodes
    let tried = 0
    node.noReport = () => (tried++ === 0 ? new Error('the answer was lost') : refused('DONE_BEFORE'))
    world.chain.select(EVEN)
    world.chain.begin()
    await world.settle(60_000)
    assert.equal(tried, 2)
  })
})
