import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { BlobId, Epoch, ShardIndex } from '../../../codec/types.ts'
import { isClientError } from '../../../node/client/errors.ts'
import { createGateway } from '../../../node/gateway/index.ts'
import type { BlobStatus, SliverStore } from '../../../protocols/ports.ts'
import { type Cluster, startCluster } from '../../support/cluster.ts'
import { N } from '../../support/epochs/names.ts'
import type { WorldNode } from '../../support/epochs/world-node.ts'
import { EpochsWorld } from '../../support/epochs-world.ts'
import { ask, jsonOf } from '../../support/http.ts'
import { tellFailures } from '../../support/tell-failures.ts'

const EVEN = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7],
  [8, 9],
]
/** as EVEN, but shard 9 is to be that of the first node */
const MOVED = [[0, 1, 2, 9], [3, 4, 5], [6, 7], [8]]
const NINTH = 9 as ShardIndex
const context = { signal: new AbortController().signal }

describe('blobs that have ended', () => {
  const told = tellFailures()
  let world: EpochsWorld
  let drop = Promise.withResolvers<void>()
  beforeEach(async () => {
    world = told(await EpochsWorld.create({ shards: EVEN }))
    drop = Promise.withResolvers()
    // what has ended is still on the disks until a test says so
    for (const node of world.nodes)
      node.onWrite = (when, what) => (when === 'before' && what === 'delete' ? drop.promise : undefined)
    await world.settle()
  })
  afterEach(async () => {
    drop.resolve()
    await world[Symbol.asyncDispose]()
  })

  /** What a node shows of a blob, to readers and to the node that is to take over its shard. */
  const shownBy = async (node: WorldNode, blobId: BlobId) => {
    const { slivers, status } = node.running!.shown
    const refs = await node.slivers.list(blobId)
    assert.ok(refs.length > 0, 'nothing is stored any more')
    const ref = refs[0]!
    const listed = await slivers.list(blobId)
    const sliver = await slivers.get(blobId, ref)
    const open = await slivers.open(blobId, ref)
    const told = [listed.length > 0, sliver !== undefined, open !== undefined, await slivers.has(blobId, ref)]
    told.push((await status.metadata(blobId)) !== undefined)
    assert.equal(new Set(told).size, 1, `some of it is shown: ${told}`)
    return told[0]!
  }
  const assertShown = async (blobId: BlobId, expected: boolean, what: string) => {
    for (const node of world.nodes) assert.equal(await shownBy(node, blobId), expected, what)
    const source = world.nodes.find(({ nodeId }) =>
      world.chain.now.current.members.some(one => one.nodeId === nodeId && one.shards.includes(NINTH)),
    )!
    const taker = world.nodes.find(({ nodeId }) =>
      world.chain.now.next?.members.some(one => one.nodeId === nodeId && one.shards.includes(NINTH)),
    )
    if (taker === undefined) return
    const request = { epoch: (world.chain.now.epoch + 1) as Epoch, shard: NINTH, maxBlobs: 2 }
    const page = await source.running!.upkeep.shards.page(request, { peer: taker.peerId, ...context })
    const listed = page.blobs.some(one => one.blobId === blobId)
    assert.equal(listed, expected, `${what}: its shard's page`)
  }
  const statusesOf = (blobId: BlobId): Promise<BlobStatus[]> =>
    Promise.all(world.nodes.map(({ running }) => running!.shown.status.blobStatus(blobId)))

  it('are not handed out from the event on, though they are still stored; for two epochs they are told from others', async () => {
    const blobId = await world.store({ endEpoch: 2 })
    const other = await world.store({ endEpoch: 9 })
    await world.settle()
    world.chain.select(MOVED)
    await world.settle()
    await assertShown(blobId, true, 'before its end')
    world.chain.begin()
    await world.settle()
    await assertShown(blobId, false, 'after its end')
    await assertShown(other, true, 'another one')
    drop.resolve()
    await world.settle()
    for (const { slivers } of world.nodes) assert.deepEqual(await slivers.list(blobId), [])
    await world.turn(EVEN)
    assert.deepEqual(await statusesOf(blobId), Array(4).fill({ kind: 'ended', endEpoch: 2 }))
    await world.turn(EVEN)
    assert.deepEqual(await statusesOf(blobId), Array(4).fill({ kind: 'nonexistent' }))
    await world.check()
  })

  it('are those that were deleted, until they are registered again', async () => {
    const blobId = await world.store()
    world.chain.select(MOVED)
    await world.settle()
    await assertShown(blobId, true, 'before it is deleted')
    // uploads of it are under way, so that it is kept
    const leave = await Promise.all(world.nodes.map(({ running }) => running!.lock.enter(blobId)))
    world.chain.delete(blobId, world.stored.get(blobId)!.objectId)
    await world.settle()
    await assertShown(blobId, false, 'deleted')
    assert.deepEqual(await statusesOf(blobId), Array(4).fill({ kind: 'ended', endEpoch: 1 }))
    const objectId = world.chain.register(blobId)
    await world.settle()
    await assertShown(blobId, true, 'registered again')
    world.chain.certify(blobId, objectId)
    await world.settle()
    for (const status of await statusesOf(blobId)) assert.equal(status.kind, 'known')
    for (const one of leave) one()
  })

  it('are not those that were extended, nor those that another object pays for', async () => {
    const [extended, shared] = [await world.store({ endEpoch: 2 }), await world.store({ endEpoch: 2 })]
    const second = world.chain.register(shared, { endEpoch: 9 })
    world.chain.certify(shared, second, { endEpoch: 9 })
    world.chain.certify(extended, world.stored.get(extended)!.objectId, { endEpoch: 9, isExtension: true })
    await world.settle()
    world.chain.select(EVEN)
    await world.settle()
    world.chain.begin()
    await world.settle()
    world.chain.select(MOVED)
    await world.settle()
    for (const blobId of [extended, shared]) await assertShown(blobId, true, 'it is paid for')
    world.chain.delete(shared, second)
    await world.settle()
    await assertShown(shared, false, 'nobody pays for it')
    await assertShown(extended, true, 'the extended one')
  })

  it('do not end a page: what comes behind them in the shard is listed', async () => {
    const ids = []
    for (let i = 0; i < 12; i++) ids.push(await world.store({ endEpoch: i % 4 === 0 ? 9 : 2 }))
    await world.turn(EVEN)
    world.chain.select(MOVED)
    await world.settle()
    const [taker, , , source] = world.nodes
    const listed: BlobId[] = []
    for (let after: BlobId | undefined, end = false; !end; after = listed.at(-1)) {
      const request = { epoch: 3 as Epoch, shard: NINTH, after, maxBlobs: 1 }
      const page = await source!.running!.upkeep.shards.page(request, { peer: taker!.peerId, ...context })
      listed.push(...page.blobs.map(({ blobId }) => blobId))
      end = page.end
      assert.ok(end || page.blobs.length === 1, 'a page that tells nothing of where to go on')
    }
    assert.deepEqual(new Set(listed), new Set(ids.filter((_, i) => i % 4 === 0)))
  })
})

describe('blobs that have ended, at real nodes', () => {
  let cluster: Cluster
  const drop = Promise.withResolvers<void>()
  const keeping = (store: SliverStore): SliverStore => ({
    has: (...args) => store.has(...args),
    holds: (...args) => store.holds(...args),
    get: (...args) => store.get(...args),
    open: (...args) => store.open(...args),
    put: (...args) => store.put(...args),
    list: (...args) => store.list(...args),
    async delete(blobId) {
      await drop.promise
      await store.delete(blobId)
    },
  })
  before(async () => {
    cluster = await startCluster({ nodes: 4, shards: N, storeInit: () => ({}), wrapSlivers: keeping })
  })
  after(async () => {
    drop.resolve()
    await cluster?.close()
  })

  it('are found neither over libp2p nor over HTTP, and the gateway says which they are', async () => {
    const { chain, client, nodes } = cluster
    await using gateway = createGateway({
      client,
      network: { name: 'test', kind: 'localnet', systemObjectId: chain.network.systemObjectId },
      port: 0,
    })
    await gateway.start()
    const data = randomBytes(5_000)
    const { client: writer } = await cluster.reader()
    const { blobId } = await writer.store(data, { epochs: 1, deletable: true })
    // once it has handed over what it had no need to wait for
    await writer.close()
    const { client: fresh } = await cluster.reader()
    await using reader = fresh
    await Promise.all(
      nodes.map(node =>
        node!.blobs.waitFor(blobId, state => state?.initialCertifiedEpoch === 1, { timeoutMs: 20_000 }),
      ),
    )
    // of each node one that it has
    const urls = await Promise.all(
      nodes.map(async node => {
        for (let pair = 0; pair < N; pair++) {
          const url = `${node!.httpUrl}/v1/blobs/${blobId}/slivers/${pair}/primary`
          if ((await ask(url)).status === 200) return url
        }
        throw new Error('a node without a sliver')
      }),
    )
    assert.equal((await ask(`${gateway.url}/v1/blobs/${blobId}`)).status, 200)
    const statuses = () =>
      Promise.all(
        nodes.map(async node => jsonOf(await ask(`${node!.httpUrl}/v1/blobs/${blobId}/status`)).success.data),
      )
    // the chain shows the epoch in which it ends, of which nobody has heard: what is told is what is served
    chain.epoch = 2 as Epoch
    for (const url of urls) assert.equal((await ask(url)).status, 200)
    for (const told of await statuses()) assert.equal(told.deletable.initialCertifiedEpoch, 1)
    chain.epoch = 1 as Epoch
    chain.changeEpoch()
    // the next event that a node applies tells that it has applied this one
    const next = chain.register(blobId.replace(/^./, first => (first === 'A' ? 'B' : 'A')) as BlobId)
    await Promise.all(
      nodes.map(node =>
        node!.blobs.waitFor(next.blobId, state => state !== undefined, { timeoutMs: 20_000 }),
      ),
    )
    for (const url of urls) {
      assert.equal((await ask(url)).status, 404)
      assert.equal((await ask(url.replace(/slivers.*/, 'metadata'))).status, 404)
    }
    for (const told of await statuses()) assert.equal(told, 'nonexistent')
    for (const one of [reader, client]) {
      await assert.rejects(one.read(blobId), error => {
        assert.ok(isClientError(error, 'BLOB_ENDED'), String(error))
        return error.details.endEpoch === 2
      })
      assert.equal((await one.status(blobId)).status, 'ended')
    }
    const answer = await ask(`${gateway.url}/v1/blobs/${blobId}`)
    assert.equal(answer.status, 404)
    assert.deepEqual(jsonOf(answer).error.details[0].reason, 'BLOB_ENDED')
    const never = await ask(`${gateway.url}/v1/blobs/${next.blobId}`)
    assert.deepEqual([never.status, jsonOf(never).error.details[0].reason], [404, 'BLOB_NOT_FOUND'])
    // and it can be stored again
    drop.resolve()
    const again = await client.store(data, { epochs: 2, deletable: true })
    assert.equal(again.kind, 'newlyCreated')
    assert.ok(Buffer.from((await reader.read(blobId)).data).equals(data))
  })
})
