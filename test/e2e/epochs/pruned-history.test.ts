import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { requestSuiFromFaucetV2 } from '@mysten/sui/faucet'
import type { BlobId } from '../../../codec/types.ts'
import { type Devnet, startDevnet } from '../../../node/devnet/devnet.ts'
import { controlEpochs, type EpochControl, testLog, until } from '../support/epochs.ts'

const KEPT = 40

describe('a chain that is pruned', function () {
  this.timeout(180_000)
  let devnet: Devnet
  let epochs: EpochControl

  before(async () => {
    devnet = await startDevnet({ nodes: 4, shards: 10, keepCheckpoints: KEPT, log: testLog() })
    epochs = controlEpochs(devnet)
  })
  after(async () => {
    await epochs?.[Symbol.asyncDispose]()
    await devnet?.close()
  })

  it('is caught up with by one who was away, and by one whose disk is empty, from the table of others', async () => {
    const [away, wiped] = devnet.nodes as [Devnet['nodes'][number], Devnet['nodes'][number]]
    await away.stop()
    const stored = new Map<BlobId, Uint8Array>()
    for (const size of [1, 100_000]) {
      const data = randomBytes(size)
      const { blobId } = await devnet.client.store(data, { epochs: 20, deletable: false })
      stored.set(blobId, data)
    }
    await epochs.turn()
    // nothing of what it has missed is there any more; then an epoch begins of which the events are
    const faucet = () =>
      requestSuiFromFaucetV2({ host: devnet.network.faucet!, recipient: `0x${'a1'.repeat(32)}` })
    await Promise.all(Array.from({ length: KEPT + 20 }, faucet))
    const epoch = await epochs.turn()
    await until('tables', async () => {
      const views = await Promise.all(devnet.nodes.slice(1).map(node => node.running!.upkeep()))
      return views.every(({ table }) => table.epoch === epoch)
    })
    await wiped.stop()
    await rm(join(devnet.dir, 'nodes', '01', 'store'), { recursive: true })
    for (const [i, node] of [away, wiped].entries()) {
      await node.start()
      // until it has looked at the chain, it is what it was when it stopped
      await until(`node ${i} is whole`, async () => {
        const view = await node.running!.upkeep()
        return view.state === 'active' && view.epoch === epoch
      })
      for (const blobId of stored.keys()) {
        const { has, of } = await epochs.kept(i, blobId)
        assert.deepEqual([i, has], [i, of])
      }
    }
    const tables = await Promise.all(devnet.nodes.map(async node => (await node.running!.upkeep()).table))
    assert.equal(new Set(tables.map(({ digest }) => digest)).size, 1)
    assert.deepEqual(
      tables.map(({ differing }) => differing),
      [0, 0, 0, 0],
    )
    for (const [blobId, data] of stored)
      assert.deepEqual((await devnet.client.read(blobId)).data, new Uint8Array(data))
  })
})
