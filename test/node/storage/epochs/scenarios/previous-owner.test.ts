import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { BlobId } from '../../../../../codec/types.ts'
import type { ShardSyncQuery } from '../../../../../protocols/shard-sync/messages.ts'
import { type SentPage, untilAborted } from '../../../../support/epochs/manners.ts'
import { EVEN, MOVED, SECOND, scenes, stateOf } from './scenes.ts'

/** Blobs that nobody has ever registered, always more of them. */
function endless({ after }: ShardSyncQuery): SentPage {
  const last = after === undefined ? Buffer.alloc(32) : Buffer.from(after, 'base64url')
  // each a little further
  last.writeUIntBE(last.readUIntBE(0, 6) + 1, 0, 6)
  randomBytes(26).copy(last, 6)
  return { blobs: [{ blobId: last.toString('base64url') as BlobId }], whole: false }
}

describe('epochs: a previous owner', function () {
  this.timeout(60_000)
  const begin = scenes()

  it('9 that is gone: its shard is got elsewhere, or waited for, and everybody else reports', async () => {
    const {
      world,
      nodes: [gainer, second, third, gone],
    } = await begin(EVEN)
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
    const {
      world,
      nodes: [gainer, second, third, gone],
    } = await begin(EVEN)
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
    const {
      world,
      nodes: [gainer, second, third, gone],
    } = await begin(EVEN, 0)
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
    const {
      world,
      nodes: [gainer, , , liar],
    } = await begin(EVEN, 4)
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
      const {
        world,
        nodes: [gainer, , , source],
      } = await begin(EVEN)
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
    const {
      world,
      nodes: [gainer, , , source],
    } = await begin(EVEN, 20)
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
    const {
      world,
      nodes: [gainer, , , source],
    } = await begin(EVEN, 2)
    source.manners.page = (_, page) => ({ ...page, breaks: true })
    world.chain.select(MOVED)
    world.chain.begin()
    await world.until('it reports', () => world.chain.hasReported(gainer.nodeId, SECOND), 60_000)
    await world.check()
  })

  it('12 that never had a blob: the new owner rebuilds it from the others', async () => {
    const {
      world,
      nodes: [gainer, , , source],
    } = await begin(EVEN)
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
    const { world, nodes } = await begin([...EVEN, []])
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
