import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createCodec } from '../../codec/index.ts'
import type { BlobId } from '../../codec/types.ts'
import type { ClientMetrics } from '../../node/client/client.ts'
import { createReader } from '../../node/client/node-client.ts'
import { createSpeedFile } from '../../node/client/speed-file.ts'
import type { BlobState } from '../../node/storage/store/blob-state.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { altering, confusing, misnaming } from '../support/liars.ts'
import { anyBlobId } from '../support/sliver-store-suite.ts'
import { temporaryFolder } from '../support/temporary.ts'

const sameBytes = (a: Uint8Array, b: Uint8Array) => assert.ok(Buffer.from(a).equals(b), 'bytes differ')

/** Stores and gives the blob ID. */
async function storeOn(cluster: Cluster, data: Uint8Array, options = {}): Promise<BlobId> {
  return (await cluster.client.store(data, { epochs: 1, deletable: true, ...options })).blobId
}

describe('a cluster of storage nodes', () => {
  let cluster: Cluster
  before(async () => {
    cluster = await startCluster({ nodes: 13, shards: 100 })
  })
  after(() => cluster?.close())

  const store = (data: Uint8Array, options = {}) => storeOn(cluster, data, options)

  /** Nodes follow the chain in their own time: a moment later than the client that stored. */
  const untilAllSee = (blobId: BlobId, isSo: (state: BlobState | undefined) => boolean) =>
    Promise.all(cluster.nodes.map(node => node?.blobs.waitFor(blobId, isSo, { timeoutMs: 20_000 })))
  const isCertified = (state: BlobState | undefined) => state?.initialCertifiedEpoch !== undefined

  it('stores blobs of any size and gives them back', async () => {
    for (const size of [0, 1, 1000, 300_000]) {
      const data = randomBytes(size)
      const result = await cluster.client.store(data, { epochs: 1, deletable: true })
      assert.equal(result.kind, 'newlyCreated')
      if (result.kind !== 'newlyCreated') continue
      assert.ok(result.confirmedShards >= 67)
      assert.equal(result.blob.certifiedEpoch, 1)
      const read = await cluster.client.read(result.blob.blobId)
      assert.equal(read.size, size)
      sameBytes(read.data, data)
      await using blob = await cluster.client.open(result.blob.blobId)
      assert.equal(blob.size, size)
    }
  })

  it('reads ranges', async () => {
    const data = randomBytes(700_000)
    const blobId = await store(data)
    for (const [start, end] of [
      [0, 1],
      [0, 700_000],
      [699_999, 800_000],
      [20_500, 20_700],
      [123_456, 456_789],
      [5, 5],
    ] as const) {
      const part = await cluster.client.read(blobId, { range: { start, end } })
      sameBytes(part.data, data.subarray(start, end))
      assert.equal(part.size, data.length)
    }
  })

  it('lets the next client know how fast nodes were', async () => {
    const { chain } = cluster
    const blobId = await store(randomBytes(10))
    const client = await createReader(chain.network, { coordinator: chain })
    await client.read(blobId)
    await client.close()
    const init = { network: chain.network.systemObjectId, clock: systemClock, log: silentLog() }
    const { peers } = await createSpeedFile(init).load()
    const members = chain.committee.members.map(({ nodeId }) => nodeId)
    assert.ok(peers.length > 0 && peers.every(({ nodeId }) => members.includes(nodeId)))
  })

  it('is not asked for slivers that a reader before has kept', async () => {
    const { chain } = cluster
    const data = randomBytes(100_000)
    const blobId = await store(data)
    const temporary = await temporaryFolder()
    const movedBy = async () => {
      let moved = 0
      const metrics: ClientMetrics = {
        request() {},
        liar() {},
        upload() {},
        download() {},
        bytes(protocol, _, count) {
          if (protocol === 'fetch-client') moved += count
        },
      }
      const cache = { folder: join(temporary.path, 'slivers') }
      const init = { coordinator: chain, remember: false, metrics, cache }
      const reader = await createReader(chain.network, init)
      sameBytes((await reader.read(blobId)).data, data)
      await reader.close()
      return moved
    }
    assert.ok((await movedBy()) >= data.length)
    assert.equal(await movedBy(), 0)
    await temporary.remove()
  })

  it('tells the status of known and unknown blobs', async () => {
    const blobId = await store(randomBytes(10))
    await untilAllSee(blobId, isCertified)
    const status = await cluster.client.status(blobId)
    assert.equal(status.status, 'certified')
    assert.equal(status.size, 10)
    assert.equal(status.deletable, true)
    const unknown = anyBlobId()
    assert.equal((await cluster.client.status(unknown)).status, 'nonexistent')
    await assert.rejects(cluster.client.read(unknown), { name: 'ClientError', code: 'BLOB_NOT_FOUND' })
    await assert.rejects(cluster.client.open(unknown), { code: 'BLOB_NOT_FOUND' })
  })

  it('does not pay twice for what is stored for long enough', async () => {
    const data = randomBytes(100)
    const blobId = await store(data, { epochs: 3, deletable: false })
    await untilAllSee(blobId, isCertified)
    const again = await cluster.client.store(data, { epochs: 2, deletable: true })
    const event = cluster.chain.events.findLast(({ type }) => type === 'BlobCertified')
    assert.deepEqual(again, {
      kind: 'alreadyCertified',
      blobId,
      endEpoch: 4,
      event: { txDigest: event?.digest, eventSeq: String(event?.eventIndex) },
    })
    const longer = await cluster.client.store(data, { epochs: 5, deletable: false })
    assert.equal(longer.kind, 'newlyCreated')
    const forced = await cluster.client.store(data, { epochs: 1, deletable: false, force: true })
    assert.equal(forced.kind, 'newlyCreated')
  })

  it('goes on with a registration whose upload was cut short', async () => {
    const data = randomBytes(100)
    const codec = createCodec({ threads: 0 })
    const { blobId } = await codec.metadata(data, 100)
    await codec.close()
    const registered = cluster.chain.register(blobId, { size: 100, endEpoch: 2 })
    await untilAllSee(blobId, state => state !== undefined)
    const result = await cluster.client.store(data, { epochs: 1, deletable: true })
    assert.equal(result.kind === 'newlyCreated' && result.blob.objectId, registered.objectId)
  })

  it('refuses options that no network takes', async () => {
    for (const epochs of [0, -1, 1.5, 54, Number.NaN]) {
      await assert.rejects(cluster.client.store(new Uint8Array(1), { epochs, deletable: true }), {
        code: 'INVALID_OPTION',
      })
    }
  })

  it('ends with the reason of the signal', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(cluster.client.read(anyBlobId(), { signal }), /enough/)
    await assert.rejects(
      cluster.client.store(new Uint8Array(1), { epochs: 1, deletable: true, signal }),
      /enough/,
    )
  })

  it('drops a blob that was deleted on chain', async () => {
    const blobId = await store(randomBytes(100))
    const [blob] = (await cluster.chain.ownedBlobs(cluster.chain.wallet.address)).filter(
      one => one.blobId === blobId,
    )
    await cluster.chain.writer(cluster.chain.wallet).deleteBlob(blob!.objectId)
    await untilAllSee(blobId, state => state?.registrations.length === 0)
    await assert.rejects(cluster.client.read(blobId), { code: 'BLOB_ENDED' })
  })
})

// each breaks what it works on
describe('a cluster of which nodes fail or lie', function () {
  this.timeout(60_000)
  let cluster: Cluster
  beforeEach(async () => {
    cluster = await startCluster({ nodes: 13, shards: 100 })
  })
  afterEach(() => cluster?.close())

  const store = (data: Uint8Array) => storeOn(cluster, data)

  it('reads and stores with 4 of 13 nodes stopped, and fails clearly with 9', async () => {
    const data = randomBytes(100_000)
    const blobId = await store(data)
    for (const i of [1, 4, 6, 11]) await cluster.stop(i)
    sameBytes((await cluster.client.read(blobId)).data, data)
    const other = randomBytes(50_000)
    sameBytes((await cluster.client.read(await store(other))).data, other)
    for (const i of [0, 2, 3, 5, 7]) await cluster.stop(i)
    await assert.rejects(
      cluster.client.read(blobId),
      (error: { code: string; message: string; details: unknown }) => {
        assert.equal(error.code, 'TOO_FEW_SHARDS')
        const { answeredShards, neededShards } = error.details as {
          answeredShards: number
          neededShards: number
        }
        assert.equal(neededShards, 34)
        assert.ok(answeredShards > 0 && answeredShards < 34)
        assert.match(error.message, new RegExp(`${answeredShards} shards .* 34 are needed`))
        return true
      },
    )
    await assert.rejects(store(randomBytes(10)), { code: 'TOO_FEW_CONFIRMATIONS' })
    for (const i of [0, 1, 2, 3, 4, 5, 6, 7, 11]) await cluster.start(i)
    sameBytes((await cluster.client.read(blobId)).data, data)
  })

  it('reads past 4 liars and names them', async () => {
    const codec = createCodec({ threads: 0 })
    const other = await codec.encode(randomBytes(100_000), 100)
    const kinds = [altering, misnaming, confusing(ref => other.sliver(ref)), altering]
    for (const [i, kind] of kinds.entries()) {
      await cluster.stop(i)
      cluster.wrap(i, kind)
      await cluster.start(i)
    }
    const data = randomBytes(100_000)
    const blobId = await store(data)
    const named = new Set<string>()
    // a client that has learnt who fails or lies avoids them: take new ones until each liar was met
    for (let i = 0; i < 40 && named.size < 4; i++) {
      const reader = await cluster.reader()
      sameBytes((await reader.client.read(blobId)).data, data)
      await reader.client.close()
      for (const line of reader.logged) {
        const { msg, nodeId } = JSON.parse(line)
        if (/wrong sliver/.test(msg)) named.add(nodeId)
      }
    }
    const liars = cluster.chain.committee.members.slice(0, 4).map(({ nodeId }) => nodeId)
    assert.deepEqual([...named].sort(), [...liars].sort())
    const text = await cluster.metrics.text()
    for (const nodeId of named) assert.match(text, new RegExp(`floe_liars_total\\{[^}]*liar="${nodeId}"`))
    other.release()
    await codec.close()
  })
})
