import assert from 'node:assert/strict'
import { parseConfirmationMessage } from '../../../../codec/index.ts'
import type { BlobId, Epoch, ShardIndex } from '../../../../codec/types.ts'
import { peerIdTextOf } from '../../../../node/network/peer-id.ts'
import { fullDisk } from '../../../../node/storage/store/disk-error.ts'
import type { StoreSession } from '../../../../protocols/ports.ts'
import { deliver } from '../../../support/deliver.ts'
import type { WorldNode } from '../../../support/epochs/world-node.ts'
import { EpochsWorld } from '../../../support/epochs-world.ts'
import { tellFailures } from '../../../support/tell-failures.ts'

const EVEN = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7],
  [8, 9],
]
/** as EVEN, but shard 9 is that of the first node */
const MOVED = [[0, 1, 2, 9], [3, 4, 5], [6, 7], [8]]
const SECOND = 2 as Epoch
const EPOCH_MS = 600_000

const viewOf = (node: WorldNode) => node.running!.upkeep.view()

describe('epochs: scenarios of slow, poor and changing nodes', function () {
  this.timeout(60_000)
  const told = tellFailures()
  let world: EpochsWorld
  let nodes: [WorldNode, WorldNode, WorldNode, WorldNode]
  const begin = async (blobs = 3) => {
    world = told(await EpochsWorld.create({ shards: EVEN }))
    nodes = world.nodes as typeof nodes
    await world.settle()
    for (let i = 0; i < blobs; i++) await world.store()
    await world.settle()
  }
  // what an RPC is still busy with takes its time
  afterEach(() => world?.clock.advanceUntil(world[Symbol.asyncDispose](), 1_000))

  const open = (node: WorldNode, blobId: BlobId) => {
    const { blob, objectId } = world.stored.get(blobId)!
    const persistence = { kind: 'deletable' as const, objectId }
    const header = { metadata: blob.metadata, persistence, registerDigest: '' }
    return node.running!.custody.open(header, { peer: 'client', signal: new AbortController().signal })
  }
  const fill = async (session: StoreSession, blobId: BlobId) => {
    const { blob } = world.stored.get(blobId)!
    for (const ref of session.wanted) await deliver(session, ref, blob.sliver(ref))
  }

  /** From here on nodes turn the epochs themselves; shard 9 goes to and fro. */
  const driven = () => {
    const { clock, chain } = world
    chain.driven = {
      epochMs: EPOCH_MS,
      nowMs: () => clock.monotonic(),
      shards: epoch => (epoch % 2 === 0 ? MOVED : EVEN),
    }
  }

  it('a node whose disk is full does not have others send the same every second; with room it is whole', async () => {
    await begin()
    const [full] = nodes
    let writes = 0
    full.onWrite = (when, what) => {
      if (when !== 'before' || what !== 'slivers') return
      writes++
      throw fullDisk(new Error('ENOSPC'))
    }
    const blobId = await world.store({ except: [full] })
    await world.until('it has tried', () => writes > 0)
    for (let i = 0; i < 1_200; i++) await world.clock.advance(100)
    assert.ok(writes <= 15, `${writes} times in two minutes`)
    full.onWrite = undefined
    await world.until('it is whole', async () => (await full.slivers.list(blobId)).length === 6, 60_000)
  })

  it('34 all nodes call voting_end and initiate at once: one succeeds each time, and nobody calls it an error', async () => {
    await begin()
    driven()
    // all draw the same pause, and none has an answer before the others have asked
    for (const node of nodes) node.rpcMs = 50
    await world.until('five epochs have turned', () => world.chain.now.epoch >= 6, 8 * EPOCH_MS)
    await world.reported(world.chain.now.epoch)
    const turned = nodes.flatMap(node => node.turned)
    assert.equal(turned.filter(({ first }) => first).length, 10)
    assert.ok(turned.length > 20, `${turned.length} calls`)
    for (const { said } of nodes) assert.deepEqual(said, [])
    for (const node of nodes) assert.equal((await viewOf(node)).trouble, undefined)
    await world.check()
  })

  it('a network that is left alone for ten epochs says nothing, and keeps no more than before', async () => {
    await begin()
    driven()
    const grown = async () => ({
      timers: world.clock.waiting,
      nodes: await Promise.all(
        nodes.map(async node => {
          const keys: string[] = []
          for await (const key of node.records.keys('')) keys.push(key)
          return { keys: keys.length, slivers: await sliversOf(node), said: node.said }
        }),
      ),
    })
    const sliversOf = async (node: WorldNode) => {
      const lists = await Promise.all([...world.stored.keys()].map(blobId => node.slivers.list(blobId)))
      return lists.flat().length
    }
    const reach = async (epoch: number) => {
      await world.until(`epoch ${epoch}`, () => world.chain.now.epoch === epoch, 8 * EPOCH_MS)
      await world.reported(epoch as Epoch)
      await world.settle(60_000)
      return await grown()
    }
    // the shard that goes to and fro is where it was
    const early = await reach(4)
    await world.check()
    for (let epoch = 5; epoch < 14; epoch++) await reach(epoch)
    assert.deepEqual(await reach(14), early)
    for (const { said } of nodes) assert.deepEqual(said, [])
    await world.check()
  })

  it('the chain is never stuck while one node has gas to turn it, and two thirds are whole', async () => {
    await begin()
    driven()
    const [, second, third, fourth] = nodes
    for (const node of nodes) node.rpcMs = 50
    for (const poor of [second, third, fourth]) poor.noTurn = new Error('no gas')
    await fourth.stop()
    await world.until('five epochs have turned', () => world.chain.now.epoch >= 6, 8 * EPOCH_MS)
    // of fifty minutes
    for (const { said } of [second, third]) {
      const lines = said.filter(line => line.includes('no gas'))
      assert.ok(lines.length >= 1 && lines.length <= 7, said.join(''))
    }
    await world.check()
  })

  it('28 blobs of one epoch are still being dropped when the next begins, and the node is killed: all of both go', async () => {
    await begin(0)
    const [node] = nodes
    const ended: BlobId[] = []
    for (const endEpoch of [2, 2, 3, 3]) ended.push(await world.store({ endEpoch }))
    const kept = await world.store()
    await world.settle()
    let drops = 0
    const never = new Promise<void>(() => undefined)
    node.onWrite = (when, what) =>
      what === 'delete' && when === 'after' && ++drops === 1 ? never : undefined
    world.chain.select(EVEN)
    world.chain.begin()
    await world.reported(SECOND)
    await world.until('the first is dropped', () => drops === 1)
    world.chain.select(EVEN)
    world.chain.begin()
    await world.reported(3 as Epoch)
    // all but one are there, and the note of that one as well
    const left = await Promise.all(ended.map(async id => (await node.slivers.list(id)).length > 0))
    assert.equal(left.filter(Boolean).length, 3)
    node.kill()
    node.onWrite = undefined
    await node.start()
    await world.settle(5_000)
    for (const id of ended) {
      assert.deepEqual(await node.slivers.list(id), [])
      assert.equal(await node.metadata.get(id), undefined)
    }
    assert.equal((await node.slivers.list(kept)).length, 6)
    await world.turn(EVEN)
    await world.turn(EVEN)
    await world.check()
  })

  it('37 an RPC that is 30 s behind: custody waits or refuses, readers are served what is here, and nothing is signed that does not hold', async () => {
    await begin()
    const [late, ...others] = nodes
    const before = world.chain.now
    const ending = await world.store({ endEpoch: 2 })
    const early = await world.register()
    await world.settle()
    const behind = Promise.withResolvers<void>()
    late.shown = () => before
    late.beforeEvent = () => behind.promise
    world.chain.select(MOVED)
    world.chain.begin()
    await world.reported(SECOND, others)
    const stored = await world.store({ except: [late] })
    const fresh = await world.register()

    // who reads is served by what it knows; the others know the rest
    for (const blobId of [...world.stored.keys()].filter(id => ![early, fresh, stored].includes(id)))
      assert.equal((await late.running!.shown.slivers.list(blobId)).length, 6)
    const told = await Promise.all(nodes.map(one => one.running!.shown.status.blobStatus(stored)))
    assert.deepEqual(
      told.map(({ kind }) => kind),
      ['nonexistent', 'known', 'known', 'known'],
    )
    // what it has not heard of it waits for
    let waited = 0
    const since = world.clock.now()
    const refused = assert.rejects(open(late, fresh), { code: 'NOT_REGISTERED' }).then(() => {
      waited = world.clock.now() - since
    })
    await world.clock.advanceUntil(refused, 100)
    assert.ok(waited >= 10_000, `${waited} ms`)
    // in the epoch that it knows it takes its shards of that one, and says which it is
    const session = await open(late, early)
    assert.deepEqual([session.epoch, session.wanted.length], [1, 6])
    await fill(session, early)
    assert.equal(parseConfirmationMessage((await session.confirm()).message).epoch, 1)

    // the events are there, and the committee is not
    behind.resolve()
    await world.settle(5_000)
    const refusal = { code: 'EPOCH_BEHIND', details: { epoch: 1 } }
    await assert.rejects(session.confirm(), refusal)
    await assert.rejects(open(late, early), refusal)
    assert.deepEqual(await late.running!.shown.slivers.list(ending), [])
    assert.equal(world.chain.hasReported(late.nodeId, SECOND), false)
    session.close()

    late.shown = undefined
    const again = await open(late, early)
    assert.deepEqual([again.epoch, again.wanted.length], [SECOND, 2])
    await fill(again, early)
    assert.equal(parseConfirmationMessage((await again.confirm()).message).epoch, SECOND)
    again.close()
    world.chain.certify(early, world.stored.get(early)!.objectId)
    await world.reported(SECOND)
    await world.until('it has everything', async () => (await late.state()) === 'active')
    await world.turn(MOVED)
    await world.check()
  })

  it('39 an RPC that takes 5 s for each answer, and each event, through a whole change', async () => {
    await begin()
    for (const node of nodes) node.rpcMs = 5_000
    world.chain.select(MOVED)
    const during = await world.store()
    await world.settle(30_000)
    world.chain.begin()
    await world.settle(1_000)
    // readers go on, by those who have not heard of it yet
    for (const node of nodes) assert.ok((await node.running!.shown.slivers.list(during)).length > 0)
    await world.reported(SECOND)
    assert.equal(world.chain.now.state.kind, 'done')
    await world.check()
    for (const { said } of nodes) assert.deepEqual(said, [])
  })

  it('43 network key and address of a source change in mid-sync: it goes on from there, and the old PeerId is refused', async () => {
    await begin(12)
    const [gainer, , , source] = nodes
    source.manners.page = async (_, { blobs, whole }) => {
      await world.clock.sleep(100)
      return { blobs: blobs.slice(0, 1), whole: whole && blobs.length <= 1 }
    }
    world.chain.select(MOVED)
    world.chain.begin()
    await world.until('some of it is there', () => gainer.got.length >= 8)
    const before = source.peerId
    await source.renewNetworkKey(99)
    assert.notEqual(source.peerId, before)
    await world.reported(SECOND)
    assert.equal(gainer.got.length, 24)
    assert.ok(gainer.got.every(({ by, from }) => by === 'page' && from === source.nodeId))
    // and who takes a shard over is known by its key of today
    const former = gainer.peerId
    await gainer.renewNetworkKey(98)
    await world.turn([[0, 1, 2, 8, 9], [3, 4, 5], [6, 7], []])
    const request = { epoch: 3 as Epoch, shard: 8 as ShardIndex, maxBlobs: 1 }
    const { signal } = new AbortController()
    const page = (peer: string) => source.running!.upkeep.shards.page(request, { peer, signal })
    await assert.rejects(page(former), { code: 'NOT_A_MEMBER' })
    const member = world.chain.now.current.members.find(({ nodeId }) => nodeId === gainer.nodeId)!
    assert.equal((await page(peerIdTextOf(member.networkPublicKey)!)).blobs.length, 1)
    await world.check()
  })
})
