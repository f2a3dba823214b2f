import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { BlobId } from '../../../codec/types.ts'
import { type Devnet, startDevnet } from '../../../node/devnet/devnet.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { controlEpochs, type EpochControl, testLog, until } from '../support/epochs.ts'
import { storeAcross } from '../support/store-across.ts'
import { expectWalConserved } from '../support/wal.ts'

/** Reads all the time; gives what failed. */
function reading(devnet: Devnet, stored: ReadonlyMap<BlobId, Uint8Array>) {
  const failed: unknown[] = []
  let running = true
  const run = async (): Promise<void> => {
    while (running) {
      for (const [blobId, data] of stored) {
        await devnet.client
          .read(blobId)
          .then(got => assert.deepEqual(got.data, new Uint8Array(data)))
          .catch(error => failed.push(error))
      }
    }
  }
  const done = run()
  return {
    async stop() {
      running = false
      await done
      return failed
    },
  }
}

describe('epochs of a devnet', function () {
  this.timeout(180_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let epochs: EpochControl
  const stored = new Map<BlobId, Uint8Array>()

  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({ nodes: 5, shards: 10, dir: folder.path, log: testLog() })
    epochs = controlEpochs(devnet)
    for (const size of [1, 1_000, 100_000]) {
      const data = randomBytes(size)
      const { blobId } = await devnet.client.store(data, { epochs: 20, deletable: false })
      stored.set(blobId, data)
    }
  })
  after(async () => {
    await epochs?.[Symbol.asyncDispose]()
    await devnet?.close()
    await folder?.remove()
  })

  const readAll = async () => {
    for (const [blobId, data] of stored)
      assert.deepEqual((await devnet.client.read(blobId)).data, new Uint8Array(data))
  }
  /** Every sliver is where the chain says that it is. */
  const expectWhole = async () => {
    for (const [i, node] of devnet.nodes.entries()) {
      if (node.running === undefined) continue
      for (const blobId of stored.keys()) {
        const { has, of } = await epochs.kept(i, blobId)
        assert.equal(has, of, `node ${i} has ${has} of ${of} slivers`)
      }
      const { state, missing } = await node.running.upkeep()
      assert.deepEqual({ missing }, { missing: {} })
      assert.equal(state, (await epochs.shardsOf(i)).length > 0 ? 'active' : 'standby')
    }
  }

  it('no stake moves: nodes turn the epoch, all report, and nothing else happens', async () => {
    await using byNodes = controlEpochs(devnet, { hurry: false })
    const { epoch } = await epochs.timing()
    assert.equal(await byNodes.turn(), epoch + 1)
    await readAll()
    await expectWhole()
  })

  it('the whole committee is swapped, and back: nothing is lost on the way', async () => {
    const read = reading(devnet, stored)
    try {
      for (const leaving of [
        [0, 1],
        [2, 3, 4],
      ]) {
        for (const node of leaving) await epochs.leave(node)
        await epochs.turn()
        await readAll()
        await expectWhole()
        for (const node of leaving) await epochs.stake(node, 1_000n)
        await epochs.turn()
        await readAll()
        await expectWhole()
      }
    } finally {
      assert.deepEqual(await read.stop(), [])
    }
  })

  it('one node gets more shards: they are taken over, then all report', async () => {
    const before = (await epochs.shardsOf(0)).length
    await epochs.stake(0, 2_000n)
    const epoch = await epochs.turn()
    assert.ok((await epochs.shardsOf(0)).length > before)
    await until('node 0 is whole', async () => {
      const view = await devnet.nodes[0]!.running!.upkeep()
      return view.state === 'active' && view.epoch === epoch
    })
    await readAll()
    await expectWhole()
  })

  for (const [moment, name] of [
    [
      'register',
      '30 an upload that a change meets between register and slivers: they go to the new committee, and one certificate is made',
    ],
    [
      'certify',
      '31 an upload that a change meets between confirmations and certify: it is certified in the new epoch, and paid once',
    ],
  ] as const) {
    it(name, async () => {
      const { epoch } = await epochs.timing()
      const data = randomBytes(10_000)
      const { blob, blobId } = await storeAcross(devnet, epochs, moment, data)
      // registered in one epoch, certified in the next: it is read from who has the shards now
      assert.deepEqual([blob.registeredEpoch, blob.certifiedEpoch], [epoch, epoch + 1])
      assert.deepEqual(Buffer.from((await devnet.client.read(blobId)).data), data)
      const owned = await epochs.chain.ownedBlobs(devnet.user.address)
      assert.equal(owned.filter(one => one.blobId === blobId).length, 1)
      assert.equal((await devnet.client.status(blobId)).initialCertifiedEpoch, epoch + 1)
      await epochs.done()
      // also who was certified past, and got its slivers with the tail, or not at all
      for (const i of devnet.nodes.keys()) {
        await until(`node ${i} has its slivers`, async () => {
          const { has, of } = await epochs.kept(i, blobId)
          return has === of
        })
        await until(`node ${i} misses nothing`, async () => {
          const { missing } = await devnet.nodes[i]!.running!.upkeep()
          return Object.keys(missing).length === 0
        })
      }
    })
  }

  it('16 leaves as much WAL as there was', async () => {
    await devnet.close()
    await expectWalConserved(folder.path)
  })
})
