import assert from 'node:assert/strict'
import type { Epoch } from '../../../../codec/types.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import { tablePageKey } from '../../../../node/storage/store/keys.ts'
import {
  createTableRecords,
  putBefore,
  putIncoming,
  putTablePage,
} from '../../../../node/storage/store/table-records.ts'
import { blobId } from '../../../protocols/support/fakes.ts'
import type { WorldNode } from '../../../support/epochs/world-node.ts'
import { EpochsWorld } from '../../../support/epochs-world.ts'
import { memoryRecords } from '../../../support/memory-records.ts'
import { tellFailures } from '../../../support/tell-failures.ts'

/** Shards of four nodes, evenly, and a fifth without. */
const EVEN = [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9], []]
/** the fifth has two of the first */
const JOINED = [[0], [3, 4, 5], [6, 7], [8, 9], [1, 2]]

describe('blob tables', function () {
  this.timeout(60_000)
  const told = tellFailures()
  let world: EpochsWorld
  let nodes: [WorldNode, WorldNode, WorldNode, WorldNode, WorldNode]
  beforeEach(async () => {
    world = told(await EpochsWorld.create({ shards: EVEN }))
    await world.settle()
    nodes = world.nodes as typeof nodes
  })
  afterEach(() => world[Symbol.asyncDispose]())

  const tableOf = async (node: WorldNode) => (await node.running!.upkeep.view()).table
  const written = async (epoch: Epoch, among: readonly WorldNode[] = nodes) =>
    await world.until(`tables of epoch ${epoch}`, async () => {
      for (const node of among) if ((await tableOf(node)).epoch !== epoch) return false
      return true
    })
  const digests = async (among: readonly WorldNode[] = nodes) =>
    new Set(await Promise.all(among.map(async node => (await tableOf(node)).digest)))
  const stopped = async (...some: WorldNode[]) => {
    for (const node of some) await node.stop()
  }
  const trouble = async (node: WorldNode) => (await node.running!.upkeep.view()).troubleCode

  it('10 of one epoch have one digest, whatever blobs there are, and however they came to be', async () => {
    const ids = [await world.store(), await world.store(), await world.store({ endEpoch: 2 })]
    world.chain.delete(ids[0]!, world.stored.get(ids[0]!)!.objectId)
    const again = world.chain.register(ids[1]!)
    world.chain.emit({ type: 'InvalidBlobID', epoch: 1 as Epoch, blobId: ids[1]! })
    world.chain.certify(ids[1]!, again)
    // nobody owes it any more
    world.stored.delete(ids[1]!)
    await world.store({ endEpoch: 4 })
    const epoch = await world.turn(EVEN)
    await written(epoch)
    assert.equal((await digests()).size, 1)
    const [head] = nodes[0].running!.upkeep.snapshots.heads()
    // one has ended, one was deleted; an invalid one is never forgotten
    assert.equal(head!.blobs, 2)
    await world.settle(120_000)
    for (const node of nodes) assert.equal(node.differing, 0)
  })

  it('are as of the event, whatever happens while one is written, and after a kill in between', async () => {
    const ids = []
    for (let i = 0; i < 5; i++) ids.push(await world.store())
    const [slow, killed] = nodes
    const gate = Promise.withResolvers<void>()
    slow.onWrite = async (when, what) => {
      if (when === 'before' && what.startsWith('/table/')) await gate.promise
    }
    killed.onWrite = (when, what) => {
      if (when === 'before' && what.startsWith('/table/')) killed.kill()
    }
    world.chain.select(EVEN)
    await world.settle(2_000)
    const epoch = world.chain.begin()
    await written(epoch, nodes.slice(2))
    for (const id of ids.slice(0, 2)) world.chain.delete(id, world.stored.get(id)!.objectId)
    world.chain.register(ids[3]!)
    await world.store()
    await world.settle(20_000)
    killed.onWrite = undefined
    await killed.start()
    gate.resolve()
    await written(epoch)
    assert.equal((await digests()).size, 1)
    // nothing is left of what was noted meanwhile
    for (const { records } of nodes) for await (const key of records.keys('/before/')) assert.fail(key)
  })

  it('are not begun before it is on record that they are', async () => {
    await world.store()
    const [slow, ...others] = nodes
    const gate = Promise.withResolvers<void>()
    const after: string[] = []
    slow.onWrite = async (when, what) => {
      if (when === 'before' && what.includes('/tables/pending')) await gate.promise
      if (when === 'after') after.push(what)
    }
    world.chain.select(EVEN)
    await world.settle(2_000)
    const epoch = world.chain.begin()
    await written(epoch, others)
    assert.deepEqual(
      after.filter(what => what.includes('/table/')),
      [],
    )
    gate.resolve()
    await written(epoch)
    assert.equal(await createTableRecords(slow.records).pending(), undefined)
  })

  it('of later epochs are left alone when what nobody needs is dropped', async () => {
    const records = createTableRecords(memoryRecords())
    const epochs = [1, 2, 3] as Epoch[]
    const page = new Uint8Array(1)
    for (const epoch of epochs)
      await records.commit([putTablePage(epoch, 0, page), putBefore(epoch, blobId(1), undefined)])
    await records.drop({ upTo: 2 as Epoch, allBut: new Set() })
    await records.dropBefores({ upTo: 2 as Epoch, but: 2 as Epoch })
    const pages = await Promise.all(epochs.map(epoch => records.isWhole({ epoch, pages: 1 })))
    assert.deepEqual(pages, [false, false, true])
    const befores = await Promise.all(epochs.map(epoch => records.hasBefore(epoch, blobId(1))))
    assert.deepEqual(befores, [false, true, true])
  })

  it('of the two newest epochs are kept', async () => {
    for (let i = 0; i < 4; i++) await written(await world.turn(EVEN))
    for (const node of nodes) {
      const epochs = node.running!.upkeep.snapshots.heads().map(head => head.epoch)
      assert.deepEqual(epochs, [5, 4])
      for await (const key of node.records.keys('/table/')) assert.match(key, /^\/table\/0000000[45]\//)
    }
  })

  it('that had begun to come, and are not needed after all, go with their pages', async () => {
    for (let i = 0; i < 3; i++) await written(await world.turn(EVEN))
    const [node] = nodes
    await stopped(node)
    const tables = createTableRecords(node.records)
    const [newest] = await tables.heads()
    const head = { ...newest!, epoch: 2 as Epoch }
    await tables.commit([
      putTablePage(head.epoch, 0, new Uint8Array(1)),
      putIncoming({ head, pages: 1, next: new Uint8Array(32), applying: false }),
    ])
    await node.start()
    await world.until('it has gone', async () => (await tables.incoming()) === undefined)
    await world.until('its page, too', async () => !(await tables.isWhole({ epoch: head.epoch, pages: 1 })))
    assert.deepEqual(
      (await tables.heads()).map(({ epoch }) => epoch),
      [4, 3],
    )
  })

  it('that differ are an alarm at both, and at the one that is wrong another', async () => {
    await world.store()
    await world.settle()
    const [wrong, ...others] = nodes
    await stopped(wrong)
    for await (const key of wrong.records.keys('/blob/')) await wrong.records.commit([{ type: 'del', key }])
    await wrong.start()
    const epoch = await world.turn(EVEN, others.slice(0, 3))
    await written(epoch)
    // not in the moment in which all have one
    assert.ok(others.some(({ differing }) => differing === 0))
    await world.until('alarms', () => others.every(({ differing }) => differing === 1))
    await world.until('its own', () => wrong.differing === 3)
    assert.equal((await tableOf(wrong)).differing, 3)
  })

  it('of one who tells several of one epoch are an alarm once', async () => {
    const [liar, ...others] = nodes
    liar.manners = {
      heads: heads => heads.flatMap(head => [0, 1, 2].map(more => ({ ...head, blobs: head.blobs + more }))),
    }
    await written(await world.turn(EVEN))
    await world.settle(120_000)
    assert.deepEqual(
      others.map(({ differing }) => differing),
      [1, 1, 1, 1],
    )
  })

  describe('of others', () => {
    /** Away for some epochs, of which nothing is kept. */
    const away = async (node: WorldNode, epochs = 3): Promise<Epoch> => {
      await stopped(node)
      let epoch = 1 as Epoch
      for (let i = 0; i < epochs; i++) {
        await world.store()
        epoch = await world.turn(
          EVEN,
          nodes.slice(0, 4).filter(one => one !== node),
        )
      }
      await written(
        epoch,
        nodes.filter(one => one !== node && one.running !== undefined),
      )
      world.chain.prune(
        world.chain.events.findIndex(e => e.type === 'EpochChangeStart' && e.epoch === epoch) + 1,
      )
      return epoch
    }

    it('23 are taken where history is gone: the node ends whole, without what has ended, and agrees', async () => {
      const [back] = nodes
      const ended = [await world.store(), await world.store({ endEpoch: 3 })]
      await world.store({ except: [back] })
      await world.settle()
      await stopped(back)
      world.chain.delete(ended[0]!, world.stored.get(ended[0]!)!.objectId)
      const epoch = await away(back)
      await back.start()
      await world.reported(epoch)
      await world.until('it sweeps', async () => {
        const left = await Promise.all(ended.map(id => back.slivers.list(id)))
        return left.every(({ length }) => length === 0)
      })
      await world.check()
      assert.equal(await back.state(), 'active')
      assert.equal((await digests()).size, 1)
      await written(await world.turn(EVEN))
      assert.equal((await digests()).size, 1)
      await world.check()
    })

    it('18 are taken by one with an empty disk, who joins after 20 epochs, gets shards, reports and serves', async () => {
      const newcomer = nodes[4]
      await away(newcomer, 20)
      for await (const { key } of newcomer.records.list('/'))
        await newcomer.records.commit([{ type: 'del', key }])
      await newcomer.start()
      await world.until('it has a table', async () => (await tableOf(newcomer)).epoch === 21)
      assert.ok(newcomer.pages.length > 0)
      const states = await createBlobRecords(newcomer.records).slice({ after: undefined, limit: 100 })
      assert.ok(states.length > 0)
      for (const [id, { size }] of states) assert.equal(size, 1, `${id} has a size before there is metadata`)
      await world.turn(JOINED)
      assert.equal(await newcomer.state(), 'active')
      await world.check()
      // it serves what it has: one of its shards goes to another
      await world.turn([[0], [1, 3, 4, 5], [6, 7], [8, 9], [2]])
      assert.ok(nodes[1].got.length > 0)
      assert.ok(nodes[1].got.every(({ from }) => from === newcomer.nodeId))
      await world.check()
    })

    it('with a wrong page are refused, its sender is named, and the page is had from another', async () => {
      const newcomer = nodes[4]
      await away(newcomer)
      for (const liar of nodes.slice(0, 2))
        liar.manners = {
          table: (_, page) => page && { ...page, rows: page.rows.map(byte => byte ^ 1) },
        }
      nodes[2].manners = { table: (_, page) => page && { ...page, next: new Uint8Array(32).fill(1) } }
      for await (const { key } of newcomer.records.list('/'))
        await newcomer.records.commit([{ type: 'del', key }])
      await newcomer.start()
      await world.until('it has a table', async () => (await tableOf(newcomer)).epoch === 4)
      const named = new Set(newcomer.accused)
      for (const text of named) assert.match(text, /blob table$/)
      // whom it asked of them before the one who tells the truth
      assert.ok(named.size > 0 && !named.has(`${nodes[3].nodeId} blob table`))
      assert.equal((await digests()).size, 1)
    })

    it('that too little weight reports are not taken; nobody is asked every few seconds, and the next one is', async () => {
      const newcomer = nodes[4]
      await away(newcomer)
      let asked = 0
      // 2, 3 and 3 of 10 shards: none is enough
      for (const [i, one] of nodes.slice(0, 3).entries())
        one.manners = {
          heads: heads => {
            asked++
            return heads.map(head => ({ ...head, blobs: head.blobs + i + 1 }))
          },
          table: ({ page }) => createTableRecords(one.records).page(4 as Epoch, page),
        }
      for await (const { key } of newcomer.records.list('/'))
        await newcomer.records.commit([{ type: 'del', key }])
      await newcomer.start()
      await world.until('it says so', async () => (await trouble(newcomer)) === 'NO_SNAPSHOT')
      await world.settle(600_000)
      const before = asked
      await world.settle(600_000)
      // 3 nodes, every five minutes, and their own comparisons are over
      assert.ok(asked - before <= 3 * 3, `${asked - before}`)
      assert.equal(newcomer.pages.length, 0)
      const refusals = newcomer.said.filter(line => line.includes('too little weight reports the same'))
      for (const { nodeId } of nodes.slice(0, 3)) assert.ok(refusals[0]?.includes(nodeId))
      for (const one of nodes) one.manners = {}
      await world.until('it has a table', async () => (await tableOf(newcomer)).epoch === 4)
      assert.equal(await trouble(newcomer), undefined)
    })

    it('that the chain does not keep the events after are not taken', async () => {
      const newcomer = nodes[4]
      const epoch = await away(newcomer)
      await world.store()
      await world.settle()
      world.chain.prune(world.chain.events.length)
      for await (const { key } of newcomer.records.list('/'))
        await newcomer.records.commit([{ type: 'del', key }])
      await newcomer.start()
      await world.until('it says so', async () => (await trouble(newcomer)) === 'NO_SNAPSHOT')
      assert.equal(newcomer.pages.length, 0)
      const next = await world.turn(EVEN)
      assert.equal(next, epoch + 1)
      await written(next)
      assert.equal((await digests()).size, 1)
    })

    it('end the writing of an earlier one, whose blobs are not those of its epoch any more', async () => {
      const slow = nodes[4]
      await world.store()
      const gate = Promise.withResolvers<void>()
      slow.onWrite = async (when, what) => {
        if (when === 'before' && what.startsWith('/table/00000002')) await gate.promise
      }
      await written(await world.turn(EVEN), nodes.slice(0, 4))
      slow.chainDown = true
      slow.loseEvents()
      await world.store()
      await world.turn(EVEN)
      const epoch = await world.turn(EVEN)
      await written(epoch, nodes.slice(0, 4))
      world.chain.prune(
        world.chain.events.findIndex(e => e.type === 'EpochChangeStart' && e.epoch === epoch) + 1,
      )
      slow.chainDown = false
      await written(epoch)
      gate.resolve()
      await world.settle(2_000)
      assert.deepEqual(
        slow.running!.upkeep.snapshots.heads().map(head => head.epoch),
        [epoch],
      )
      assert.equal(await createTableRecords(slow.records).begun(), epoch)
      assert.equal((await digests()).size, 1)
    })

    it('come again when pages of one that is being taken over are gone', async () => {
      const back = nodes[0]
      await world.store()
      await world.settle()
      const epoch = await away(back)
      back.onWrite = (when, what) => {
        if (when === 'before' && what.includes('/blob/')) back.kill()
      }
      await back.start()
      await world.settle(3_000)
      assert.equal((await createTableRecords(back.records).incoming())?.applying, true)
      await back.records.commit([{ type: 'del', key: tablePageKey(epoch, 0) }])
      back.onWrite = undefined
      await back.start()
      await world.reported(epoch)
      await world.check()
      assert.equal((await digests()).size, 1)
    })

    for (const when of ['before', 'after'] as const)
      it(`go on, or begin anew, ${when} any write at which the node is killed; never half of one counts`, async () => {
        const back = nodes[0]
        await world.store()
        await world.settle()
        const epoch = await away(back)
        let writes = 0
        for (let at = 0; ; at++) {
          writes = 0
          back.onWrite = (moment, what) => {
            if (moment !== when || !/\/(table|tables|blob|cursor)\b/.test(what)) return
            if (writes++ === at) back.kill()
          }
          await back.start()
          await world.settle(3_000)
          if (back.running !== undefined) break
          assert.ok(at < 100)
          const cursor = await back.records.get('/cursor/events')
          const tables = createTableRecords(back.records)
          // the cursor is that of the table only once all of it is there
          if (
            cursor !== undefined &&
            JSON.parse(Buffer.from(cursor).toString()) === (await tables.heads())[0]?.cursor
          )
            assert.equal(await tables.incoming(), undefined)
        }
        back.onWrite = undefined
        await world.reported(epoch)
        await world.check()
        assert.equal((await digests()).size, 1)
      })
  })
})
