import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createCoordinator } from '../../chain/index.ts'
import type { FullCoordinator } from '../../chain/types/index.ts'
import { createCodec, pairOfShard, shardOfPair } from '../../codec/index.ts'
import type { BlobId, SliverPairIndex } from '../../codec/types.ts'
import { createClient } from '../../node/client/node-client.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import type { SliverStore } from '../../protocols/ports.ts'
import { wronglyEncoded } from '../support/wrongly-encoded.ts'
import { testLog, until } from './support/epochs.ts'

const N = 10

describe('a blob that its uploader encodes wrongly and has certified', function () {
  this.timeout(120_000)
  let devnet: Devnet
  let chain: FullCoordinator

  before(async () => {
    devnet = await startDevnet({ nodes: 5, shards: N, log: testLog() })
    chain = createCoordinator(devnet.network)
  })
  after(async () => {
    await chain?.close()
    await devnet?.close()
  })

  /** Through an honest client's whole way but for the encoder. */
  const storeWrongly = async (data: Uint8Array, stray: { pair: SliverPairIndex; axis: 'secondary' }) => {
    const codec = createCodec({ threads: 0 })
    const client = await createClient(devnet.network, {
      wallet: devnet.user,
      coordinator: chain,
      codec: {
        ...codec,
        warm: () => undefined,
        encode: (bytes, nShards) => wronglyEncoded(codec, bytes, nShards, stray),
      },
    })
    try {
      return (await client.store(data, { epochs: 5, deletable: false })).blobId
    } finally {
      await client.close()
      await codec.close()
    }
  }
  const running = (node: number) => devnet.nodes[node]!.running!
  /** The files with slivers of one blob go, and the node notices. */
  const lose = async (node: number, blobId: BlobId, pair: SliverPairIndex) => {
    const folder = join(devnet.dir, 'nodes', devnet.nodes[node]!.name.slice(-2), 'store', 'slivers')
    const hex = Buffer.from(blobId, 'base64url').toString('hex')
    for (const name of await readdir(folder, { recursive: true }))
      if (name.includes(hex)) await rm(join(folder, name))
    const slivers = running(node).slivers as SliverStore
    assert.equal(await slivers.get(blobId, { pair, axis: 'secondary' }), undefined)
  }

  it('is invalid on the chain, on every node and to every reader as soon as a node misses something of it', async () => {
    const data = randomBytes(30_000)
    const { blobId: honest } = await devnet.client.store(data, { epochs: 5, deletable: false })
    const stray = { pair: 4 as SliverPairIndex, axis: 'secondary' } as const
    const blobId = await storeWrongly(randomBytes(60_000), stray)
    await until('all nodes have it', async () => {
      const states = await Promise.all(devnet.nodes.map((_, i) => running(i).blobs.get(blobId)))
      return states.every(state => state?.initialCertifiedEpoch !== undefined)
    })
    await assert.rejects(devnet.client.read(blobId), { code: 'BLOB_INVALID' })
    const { wal } = await chain.balances(devnet.user.address)

    const { current } = await chain.committees()
    const owner = current.members.find(({ shards }) => shards.includes(shardOfPair(stray.pair, blobId, N)))!
    const node = devnet.nodes.findIndex(({ nodeId }) => nodeId === owner.nodeId)
    await lose(node, blobId, stray.pair)

    for (const [i] of devnet.nodes.entries()) {
      const invalid = (state: { invalid?: boolean } | undefined) => state?.invalid === true
      const state = await running(i).blobs.waitFor(blobId, invalid, { timeoutMs: 60_000 })
      assert.equal(state?.invalid, true, `node ${i}`)
    }
    await until('nothing of it is left', async () => {
      const has = current.members.flatMap(({ nodeId, shards }) => {
        const slivers = devnet.nodes.find(one => one.nodeId === nodeId)!.running!.slivers
        return shards.map(shard =>
          slivers.has(blobId, { pair: pairOfShard(shard, blobId, N), axis: 'primary' }),
        )
      })
      return (await Promise.all(has)).every(one => !one)
    })
    for (const [i] of devnet.nodes.entries()) assert.deepEqual((await running(i).upkeep()).missing, {})

    // readers, and those who would store it again
    await assert.rejects(devnet.client.read(blobId), { code: 'BLOB_INVALID' })
    const reader = await createClient(devnet.network, { wallet: devnet.user, coordinator: chain })
    await assert.rejects(reader.read(blobId), { code: 'BLOB_INVALID' })
    await assert.rejects(
      async () => {
        for await (const _ of (await reader.open(blobId)).stream());
      },
      { code: 'BLOB_INVALID' },
    )
    assert.equal((await reader.status(blobId)).status, 'invalid')
    await reader.close()
    const answer = await fetch(`${devnet.gatewayUrl}/v1/blobs/${blobId}`)
    assert.equal(answer.status, 410)
    assert.match(await answer.text(), /BLOB_INVALID/)
    const status = await fetch(`${running(0).httpUrl}/v1/blobs/${blobId}/status`)
    assert.match(await status.text(), /"invalid"/)

    // all else is as it was
    assert.deepEqual((await devnet.client.read(honest)).data, new Uint8Array(data))
    assert.equal((await chain.balances(devnet.user.address)).wal, wal)
    const told = (await devnet.metrics.text())
      .split('\n')
      .filter(line => line.startsWith('floe_liars_total{'))
    assert.deepEqual(told, [])
  })
})
