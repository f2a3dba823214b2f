import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createCodec, encodeMetadata, pairOfShard } from '../../../../codec/index.ts'
import { isPackFolder } from '../../../../node/storage/store/pack-name.ts'
import { toProtocolError } from '../../../../protocols/index.ts'
import { type Cluster, startCluster } from '../../../support/cluster.ts'
import { ask, jsonOf, reasonOf } from '../../../support/http.ts'

const fails = (code: string) => Object.assign(new Error(`${code}: the system says so, write`), { code })

describe('nodes without room on their disks', function () {
  this.timeout(60_000)
  let cluster: Cluster
  /** what the system answers to each node's writes of files, and of the index */
  const files: (string | undefined)[] = []
  const index: (string | undefined)[] = []
  /** what their disks have free */
  const PLENTY = 2 ** 40
  const free: number[] = []
  before(async () => {
    cluster = await startCluster({
      registrationWaitMs: 300,
      storeInit: i => ({
        freeBytes: async () => free[i] ?? PLENTY,
        wrapWrite:
          write =>
          async (...args) => {
            if (files[i] !== undefined) throw fails(files[i])
            await write(...args)
          },
        wrapRecords: records => ({
          get: key => records.get(key),
          getMany: keys => records.getMany(keys),
          has: key => records.has(key),
          list: prefix => records.list(prefix),
          keys: (prefix, range) => records.keys(prefix, range),
          async commit(operations, options) {
            if (index[i] !== undefined) throw fails(index[i])
            await records.commit(operations, options)
          },
          close: () => records.close(),
        }),
      }),
    })
  })
  afterEach(() => {
    files.length = 0
    index.length = 0
    free.length = 0
  })
  after(() => cluster?.close())

  const url = (node: number, path: string) => `${cluster.nodes[node]!.httpUrl}/v1/${path}`
  const healthy = async (node: number) => (await ask(url(node, 'health'))).status === 200
  const until = async (isSo: () => Promise<boolean>) => {
    const deadline = performance.now() + 20_000
    while (!(await isSo())) assert.ok(performance.now() < deadline, 'it does not come to that')
  }
  const recovered = (node: number) => until(() => healthy(node))
  const store = (data: Uint8Array) => cluster.client.store(data, { epochs: 1, deletable: true })
  const all = [0, 1, 2, 3]

  it('take nothing in, serve what they have, and go on by themselves', async () => {
    const before = randomBytes(20_000)
    const first = await store(before)
    const blobId = first.kind === 'newlyCreated' ? first.blob.blobId : assert.fail()
    for (const node of all) assert.ok(await healthy(node))
    for (const node of all) files[node] = 'ENOSPC'
    const after = randomBytes(20_000)
    await assert.rejects(store(after), { code: 'NO_SPACE' })
    for (const node of all) {
      const answer = await ask(url(node, 'health'))
      assert.deepEqual([answer.status, reasonOf(answer)], [503, 'NO_SPACE'])
    }
    assert.ok(Buffer.from((await cluster.client.read(blobId)).data).equals(before))
    files.length = 0
    for (const node of all) await recovered(node)
    assert.equal((await store(after)).kind, 'newlyCreated')
  })

  it('the index alone: the events that came meanwhile are not lost', async () => {
    for (const node of all) index[node] = 'ENOSPC'
    const data = randomBytes(5_000)
    await assert.rejects(store(data))
    index.length = 0
    for (const node of all) await recovered(node)
    assert.equal((await store(data)).kind, 'newlyCreated')
  })

  it('say so over HTTP before a byte is sent: 507, and 503 for a lack of file descriptors', async () => {
    const { chain } = cluster
    const { nShards, members } = chain.committee
    const codec = createCodec({ threads: 0 })
    const blob = await codec.encode(randomBytes(20_000), nShards)
    await codec.close()
    const { blobId } = blob.metadata
    chain.register(blobId)
    const [node] = all as [number]
    const { nodeId } = cluster.nodes[node]!
    const shard = members.find(member => member.nodeId === nodeId)!.shards[0]!
    const pair = pairOfShard(shard, blobId, nShards)
    const sliver = url(node, `blobs/${blobId}/slivers/${pair}/primary`)
    const body = blob.sliver({ pair, axis: 'primary' })
    const put = (to: string, bytes: Uint8Array) => ask(to, { method: 'PUT', body: bytes })
    const metadata = encodeMetadata(blob.metadata).subarray(32)
    assert.equal((await put(url(node, `blobs/${blobId}/metadata`), metadata)).status, 200)

    files[node] = 'ENOSPC'
    for (let i = 0; i < 2; i++) {
      const answer = await put(sliver, body)
      assert.deepEqual([answer.status, reasonOf(answer)], [507, 'NO_SPACE'])
    }
    files[node] = undefined
    await recovered(node)
    files[node] = 'EMFILE'
    const answer = await put(sliver, body)
    assert.equal(answer.status, 503, jsonOf(answer))
    assert.ok(Number(answer.headers['retry-after']) > 0)
    // nothing is waited for: it may be over at once
    files[node] = undefined
    assert.equal((await put(sliver, body)).status, 200)
    blob.release()
  })

  it('stop uploads while there is still room for what they have to get back, and say both', async () => {
    const data = randomBytes(20_000)
    const first = await store(data)
    const blobId = first.kind === 'newlyCreated' ? first.blob.blobId : assert.fail()
    const MiB = 1024 * 1024
    for (const node of all) free[node] = 100 * MiB
    const disk = async (node: number) => jsonOf(await ask(url(node, 'health'))).success.data.disk
    for (const node of all) {
      await until(async () => !(await disk(node)).takesUploads)
      assert.deepEqual(await disk(node), {
        freeBytes: 100 * MiB,
        reservedBytes: 512 * MiB,
        takesUploads: false,
      })
    }
    assert.match(
      await cluster.metrics.text(),
      new RegExp(`^floe_disk_free_bytes{node="node-0"} ${100 * MiB}$`, 'm'),
    )
    assert.match(
      await cluster.metrics.text(),
      new RegExp(`^floe_disk_reserved_bytes{node="node-0"} ${512 * MiB}$`, 'm'),
    )
    await assert.rejects(store(randomBytes(20_000)), { code: 'NO_SPACE' })
    // what a node has lost it rebuilds all the same
    const { nodeId, slivers } = cluster.nodes[0]!
    const { nShards, members } = cluster.chain.committee
    const shard = members.find(member => member.nodeId === nodeId)!.shards[0]!
    const ref = { pair: pairOfShard(shard, blobId, nShards), axis: 'primary' } as const
    const folder = join(cluster.storePath(0), 'slivers')
    const packs = (await readdir(folder)).filter(isPackFolder)
    for (const name of packs) await rm(join(folder, name), { recursive: true })
    assert.equal(await slivers.has(blobId, ref), false)
    await until(() => slivers.has(blobId, ref))
    assert.ok(Buffer.from((await cluster.client.read(blobId)).data).equals(data))
  })

  it('tell their peers in one word, whatever the error lies in', () => {
    const deep = new Error('a', { cause: new Error('b', { cause: fails('ENOSPC') }) })
    assert.equal(toProtocolError(deep).code, 'NO_SPACE')
    for (const code of ['EMFILE', 'ENFILE']) assert.equal(toProtocolError(fails(code)).code, 'BUSY')
    const circular = new Error('c')
    circular.cause = circular
    assert.equal(toProtocolError(circular).code, 'INTERNAL')
  })
})
