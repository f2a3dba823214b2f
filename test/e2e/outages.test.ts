import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../base/log.ts'
import { createLog } from '../../base/pino-log.ts'
import { createCodec } from '../../codec/index.ts'
import type { BlobId } from '../../codec/types.ts'
import { createClient } from '../../node/client/node-client.ts'
import type { StoreResult } from '../../node/client/types.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import type { SliverStore } from '../../protocols/ports.ts'
import { altering, confusing, misnaming } from '../support/liars.ts'
import { temporaryFolder } from '../support/temporary.ts'

const SIZE = 100_000
/** the slivers lie in files */
const IN_FILES = 300_000
const blobIdOf = (result: StoreResult): BlobId =>
  result.kind === 'newlyCreated' ? result.blob.blobId : result.blobId

describe('a devnet of which parts fail', function () {
  this.timeout(120_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  /** how the store of a node lies; honest when not set */
  const lies = new Map<number, (slivers: SliverStore) => SliverStore>()

  const wrapSlivers = (slivers: SliverStore, node: number): SliverStore =>
    lies.get(node)?.(slivers) ?? slivers

  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({ dir: folder.path, port: 0, log: silentLog(), wrapSlivers })
  })
  after(async () => {
    await devnet?.close()
    await folder?.remove()
  })
  const store = async (data: Uint8Array) =>
    blobIdOf(await devnet.client.store(data, { epochs: 1, deletable: true }))
  const readsRight = async (blobId: BlobId, data: Uint8Array) => {
    const { data: got } = await devnet.client.read(blobId)
    assert.ok(Buffer.from(got).equals(data))
    const answer = await fetch(`${devnet.gatewayUrl}/v1/blobs/${blobId}`)
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(data))
  }
  const each = (nodes: number[], what: 'start' | 'stop') =>
    Promise.all(nodes.map(node => devnet.nodes[node]![what]()))

  it('reads and stores with 4 of 13 nodes stopped', async () => {
    const data = randomBytes(SIZE)
    const before = await store(data)
    await each([0, 3, 7, 12], 'stop')
    await readsRight(before, data)
    const more = randomBytes(SIZE)
    await readsRight(await store(more), more)
    await each([0, 3, 7, 12], 'start')
  })

  it('says within 15 s how many shards answered and how many are needed with 9 stopped', async () => {
    const blobId = await store(randomBytes(SIZE))
    const nine = [0, 1, 2, 3, 4, 5, 6, 7, 8]
    await each(nine, 'stop')
    const start = performance.now()
    await assert.rejects(
      devnet.client.read(blobId),
      (error: { code: string; message: string; details: { answeredShards: number } }) => {
        assert.equal(error.code, 'TOO_FEW_SHARDS')
        const { answeredShards } = error.details
        assert.ok(answeredShards > 0 && answeredShards < 34)
        assert.match(error.message, new RegExp(`\\b${answeredShards} shards .*34 are needed`))
        return true
      },
    )
    assert.equal((await fetch(`${devnet.gatewayUrl}/v1/blobs/${blobId}`)).status, 503)
    await assert.rejects(store(randomBytes(10)), { code: 'TOO_FEW_CONFIRMATIONS' })
    assert.ok(performance.now() - start < 15_000)
    await each(nine, 'start')
  })

  it('reads right with the stores of 8 of 13 nodes damaged, each in its own way', async () => {
    const blobs = await Promise.all(
      [1, 5_000, IN_FILES].map(async size => {
        const data = randomBytes(size)
        return { data, blobId: await store(data) }
      }),
    )
    const eight = [0, 1, 3, 5, 6, 8, 10, 12]
    const harms: ((path: string, bytes: Buffer) => Promise<void>)[] = [
      (path, bytes) =>
        writeFile(
          path,
          bytes.map((byte, i) => (i % 50 === 7 ? byte ^ 4 : byte)),
        ),
      (path, bytes) => writeFile(path, Buffer.from(bytes).reverse()),
      (path, bytes) => writeFile(path, randomBytes(bytes.length)),
      (path, bytes) => writeFile(path, Buffer.alloc(bytes.length)),
      (path, bytes) => truncate(path, Math.floor(bytes.length / 2)),
      path => truncate(path, 0),
      path => rm(path),
      (path, bytes) => writeFile(path, Buffer.concat([Buffer.alloc(1), bytes])),
    ]
    // a quorum has its slivers, the others get theirs soon: the damage must not come before
    await devnet.close()
    for (const [i, node] of eight.entries()) {
      const slivers = join(folder.path, 'nodes', String(node).padStart(2, '0'), 'store', 'slivers')
      for (const entry of await readdir(slivers, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue
        const path = join(entry.parentPath, entry.name)
        await harms[i]!(path, await readFile(path))
      }
    }
    devnet = await startDevnet({ dir: folder.path, port: 0, log: silentLog(), wrapSlivers })
    for (let round = 0; round < 3; round++) {
      for (const { blobId, data } of blobs) await readsRight(blobId, data)
    }
    // and what comes after is stored as ever
    const more = randomBytes(SIZE)
    await readsRight(await store(more), more)
  })

  it('reads past 4 liars of three kinds, and names them in log and metrics', async () => {
    const codec = createCodec({ threads: 0 })
    const other = await codec.encode(randomBytes(SIZE), 100)
    const liars = [2, 5, 8, 11]
    const kinds = [altering, misnaming, confusing(ref => other.sliver(ref)), altering]
    for (const [i, node] of liars.entries()) lies.set(node, kinds[i]!)
    await each(liars, 'stop')
    await each(liars, 'start')
    const data = randomBytes(SIZE)
    const blobId = await store(data)

    const lines: string[] = []
    const log = createLog({ json: true, write: line => lines.push(line) })
    const named = new Set<string>()
    // a client that has learnt who lies avoids them: take new ones until each liar was met
    for (let i = 0; i < 40 && named.size < liars.length; i++) {
      const metrics = devnet.metrics.node('reader')
      const client = await createClient(devnet.network, { log, metrics, remember: false })
      const { data: got } = await client.read(blobId)
      assert.ok(Buffer.from(got).equals(data))
      await client.close()
      for (const line of lines.splice(0)) {
        const { msg, nodeId } = JSON.parse(line)
        if (msg === 'peer sent a wrong sliver') named.add(nodeId)
      }
    }
    assert.deepEqual([...named].sort(), liars.map(node => devnet.nodes[node]!.nodeId).sort())
    const metrics = await (await fetch(`${devnet.gatewayUrl}/metrics`)).text()
    for (const nodeId of named) assert.match(metrics, new RegExp(`floe_liars_total\\{[^}]*liar="${nodeId}"`))
    other.release()
    await codec.close()
    lies.clear()
    await each(liars, 'stop')
    await each(liars, 'start')
  })
})
