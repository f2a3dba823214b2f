import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import type { BlobId } from '../../../codec/types.ts'
import { readNodeConfig } from '../../../node/config.ts'
import { type Devnet, startDevnet } from '../../../node/devnet/devnet.ts'
import type { ProcessNode } from '../../../node/devnet/devnet-node.ts'
import { openNodeStore } from '../../../node/storage/store/node-store.ts'
import type { Records } from '../../../node/storage/store/records.ts'
import { expectAgreement } from '../../support/pack-accounts.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { CRASH_POINTS, type CrashPoint } from '../support/crash-points.ts'
import { controlEpochs, type EpochControl, testLog, until } from '../support/epochs.ts'
import { storeAcross } from '../support/store-across.ts'

const SHARDS = 19
/** Several processes start one after the other, on a machine that may be busy. */
const LIMIT_MS = 180_000

/** Scenarios of epochs on nodes that are processes, and die for real. */
describe('epochs on processes', function () {
  this.timeout(2 * LIMIT_MS)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet<ProcessNode>
  let epochs: EpochControl
  const stored = new Map<BlobId, Uint8Array>()
  /** paid for the first epoch and no more */
  let ending: BlobId

  const store = async (size: number, forEpochs = 50) => {
    const data = randomBytes(size)
    const { blobId } = await devnet.client.store(data, { epochs: forEpochs, deletable: false })
    return { blobId, data }
  }
  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({
      nodes: 4,
      shards: SHARDS,
      dir: folder.path,
      processes: true,
      nodeProgram: new URL('../support/mortal-node.ts', import.meta.url),
      log: testLog(),
    })
    epochs = controlEpochs(devnet, { limitMs: LIMIT_MS })
    for (const size of [1, 1_000, 60_000]) {
      const { blobId, data } = await store(size)
      stored.set(blobId, data)
    }
    ending = (await store(500, 1)).blobId
  })
  after(async () => {
    await epochs?.[Symbol.asyncDispose]()
    await devnet?.close()
    await folder?.remove()
  })

  const indices = () => [...devnet.nodes.keys()]
  const dirOf = (node: number) => join(folder.path, 'nodes', devnet.nodes[node]!.name)
  const crashFile = (node: number) => join(dirOf(node), 'crash-at')
  const arm = (node: number, points: readonly CrashPoint[]) => writeFile(crashFile(node), points.join('\n'))
  const readAll = async () => {
    for (const [blobId, data] of stored)
      assert.deepEqual((await devnet.client.read(blobId)).data, new Uint8Array(data))
  }
  /** The shard that a node reports for is on its disk, all blobs can be read, and what has ended is gone. */
  const expectWhole = async () => {
    const { epoch } = await epochs.timing()
    for (const i of indices()) {
      if ((await epochs.shardsOf(i)).length === 0) continue
      await until(`node ${i} has reported`, async () => (await epochs.reported(i)) === epoch, LIMIT_MS)
      for (const blobId of stored.keys()) {
        const { has, of } = await epochs.kept(i, blobId)
        assert.equal(has, of, `node ${i} has ${has} of ${of} slivers`)
      }
      const { http } = devnet.network.peers[i]!
      const gone = async () => (await fetch(`${http}/v1/blobs/${ending}/metadata`)).status !== 200
      if (epoch > 2) await until('what has ended is gone', gone)
    }
    await readAll()
  }
  /** Payload that a node got from others, to have what it should. */
  const taken = async (node: number): Promise<number> => {
    const { metrics } = await readNodeConfig(join(dirOf(node), 'config.json'))
    const text = await (await fetch(`http://${metrics}/metrics`)).text()
    const line =
      /^floe_protocol_bytes_total\{.*protocol="(?:shard-sync|fetch|recover)-client".*direction="in".*\} (\d+)/gm
    return [...text.matchAll(line)].reduce((sum, [, bytes]) => sum + Number(bytes), 0)
  }
  const takenByAll = () => Promise.all(indices().map(taken))
  const shards = () => Promise.all(indices().map(async i => [...(await epochs.shardsOf(i))]))
  const killAll = async () => {
    const pids = devnet.nodes.map(({ pid }) => pid)
    for (const node of devnet.nodes) node.kill('SIGKILL')
    await until('all are gone', async () => devnet.nodes.every(({ pid }, i) => pid !== pids[i]))
  }
  /** Of all that is stored, a node has every sliver that it must have. */
  const hasAll = async (node: number) => {
    for (const blobId of stored.keys()) {
      const { has, of } = await epochs.kept(node, blobId)
      if (has !== of) return false
    }
    return true
  }
  /** A node is killed, and not there while something happens. */
  const without = async (node: number, during: () => Promise<void>) => {
    const one = devnet.nodes[node]!
    one.kill('SIGKILL')
    await one.stop()
    await during()
    await one.start()
  }
  const restarted = () => Promise.all(devnet.nodes.map(node => node.start()))

  it('1 no stake moves: all report, and no byte of a sliver moves', async () => {
    const before = await takenByAll()
    await epochs.turn()
    await expectWhole()
    assert.deepEqual(await takenByAll(), before)
  })

  it('2 shards move: they alone do, and what was fetched ahead is not fetched again', async () => {
    await epochs.stake(0, 400n)
    const [had, before] = [await shards(), await takenByAll()]
    await epochs.select()
    await until('it is fetched ahead', async () => (await taken(0)) > before[0]!)
    let ahead = before
    await until('all of it is', async () => {
      const last = ahead
      ahead = await takenByAll()
      return last[0] === ahead[0] && ahead[0]! > before[0]!
    })
    await epochs.begin()
    await epochs.done()
    await expectWhole()
    const have = await shards()
    for (const i of indices()) {
      const gained = have[i]!.filter(shard => !had[i]!.includes(shard))
      assert.equal((await taken(i)) > before[i]!, gained.length > 0, `node ${i} gained ${gained.length}`)
    }
    assert.deepEqual(await takenByAll(), ahead)
  })

  it('31 a change between confirmations and certify: it is certified in the new epoch, and paid once', async () => {
    const data = randomBytes(10_000)
    const { blob, blobId } = await storeAcross(devnet, epochs, 'certify', data)
    assert.equal(blob.certifiedEpoch, blob.registeredEpoch + 1)
    const owned = await epochs.chain.ownedBlobs(devnet.user.address)
    assert.equal(owned.filter(one => one.blobId === blobId).length, 1)
    await epochs.done()
    assert.deepEqual(Buffer.from((await devnet.client.read(blobId)).data), data)
    await expectWhole()
  })

  it('9 the previous owner is gone: what it had is rebuilt, and reported within the epoch', async () => {
    const before = await shards()
    await without(2, async () => {
      await epochs.stake(1, 1_000n)
      const epoch = await epochs.turn()
      const gained = (await shards())[1]!.filter(shard => before[2]!.includes(shard))
      assert.notDeepEqual(gained, [], 'nothing moves from the one that is gone')
      await until('who has it now has reported', async () => (await epochs.reported(1)) === epoch, LIMIT_MS)
      assert.ok(await hasAll(1))
      await readAll()
    })
    await epochs.turn()
    await expectWhole()
  })

  it('21 a node is away for 2, 3 and 10 epochs: it catches up, and has everything in the end', async () => {
    for (const away of [2, 3, 10]) {
      await without(3, async () => {
        for (let left = away; left > 0; left--) await epochs.turn()
        const { blobId, data } = await store(2_000)
        stored.set(blobId, data)
        await readAll()
      })
      await until('it has what was stored without it', () => hasAll(3), LIMIT_MS)
      await epochs.turn()
      await expectWhole()
    }
  })

  it('18 a disk is wiped: all is rebuilt, and reported in the next epoch', async () => {
    await without(0, async () => {
      await rm(join(dirOf(0), 'store'), { recursive: true })
    })
    await until('it has everything again', () => hasAll(0), LIMIT_MS)
    await epochs.turn()
    await expectWhole()
  })

  it('7 killed before and after each step of a change: restarts end in the same state', async () => {
    const passed = new Set<string>()
    const turn = async (points: readonly (readonly CrashPoint[])[]) => {
      for (const [i, list] of points.entries()) await arm(i, list)
      await epochs.turn()
      for (const [i, list] of points.entries()) {
        await until(
          `node ${i} was at each point`,
          async () => (await readFile(crashFile(i), 'utf8')) === '',
          LIMIT_MS,
        )
        for (const point of list) passed.add(point)
      }
      await restarted()
      await expectWhole()
    }
    // the last two gain what the first two lose, and the other way round
    for (const node of [2, 3]) await epochs.stake(node, 6_000n)
    await turn([
      ['before event batch', 'after event batch'],
      ['before lock', 'after lock'],
      ['before pack written', 'after pack written'],
      ['after pack renamed', 'before index batch'],
    ])
    for (const node of [0, 1]) await epochs.stake(node, 12_000n)
    await turn([
      ['after index batch', 'before shard record'],
      ['after shard record', 'before report sent'],
      ['after report sent'],
      ['before report confirmed'],
    ])
    assert.deepEqual(passed, new Set(CRASH_POINTS))
  })

  it('24 all nodes restart at once, in each phase', async () => {
    for (const node of [2, 3]) await epochs.stake(node, 12_000n)
    // killed when the epoch is done, they start when the next committee is selected, and take shards over when they die again
    await killAll()
    await epochs.select()
    await restarted()
    await epochs.begin()
    await killAll()
    await restarted()
    await epochs.done()
    await expectWhole()
  })

  it('3 the whole committee is swapped, and back: no read fails', async () => {
    const failed: unknown[] = []
    let reading = true
    const readers = (async () => {
      while (reading) await readAll().catch(error => failed.push(error))
    })()
    try {
      const [some, others] = [
        [0, 1],
        [2, 3],
      ]
      for (const node of some) await epochs.leave(node)
      await epochs.turn()
      await expectWhole()
      // every shard from the ones to the others
      for (const node of some) await epochs.stake(node, 1_000n)
      for (const node of others) await epochs.leave(node)
      await epochs.turn()
      await expectWhole()
    } finally {
      reading = false
      await readers
    }
    assert.deepEqual(failed, [])
  })

  it('leaves disks on which index and files agree', async () => {
    const { systemObjectId: network } = devnet.network
    await devnet.close()
    for (const i of indices()) {
      const path = join(dirOf(i), 'store')
      let records: Records | undefined
      const wrapRecords = (own: Records) => {
        records = own
        return own
      }
      const init = { path, network, nShards: SHARDS, clock: systemClock, log: silentLog(), wrapRecords }
      const opened = await openNodeStore(init)
      try {
        const { neededBytes, diskBytes, sparse } = await expectAgreement(records!, join(path, 'slivers'))
        if (sparse === 0) assert.ok(diskBytes <= 2 * neededBytes)
        assert.deepEqual(await opened.slivers.list(ending), [])
      } finally {
        await opened.close()
      }
    }
  })
})
