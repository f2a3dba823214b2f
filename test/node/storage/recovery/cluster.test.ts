import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { pairOfShard } from '../../../../codec/index.ts'
import type { BlobId } from '../../../../codec/types.ts'
import type { SliverStore } from '../../../../protocols/ports.ts'
import { until } from '../../../e2e/support/epochs.ts'
import { type Cluster, startCluster } from '../../../support/cluster.ts'
import { altering } from '../../../support/liars.ts'

const N = 10

describe('a node that has lost slivers on its disk', function () {
  this.timeout(120_000)
  let cluster: Cluster
  let stored: BlobId[]

  // each breaks what it works on
  beforeEach(async () => {
    stored = []
    cluster = await startCluster({ nodes: 10, shards: N, storeInit: () => ({ inlineBytes: 0 }) })
    for (const size of [1, 2_000, 100_000]) {
      const { blobId } = await cluster.client.store(randomBytes(size), { epochs: 5, deletable: true })
      stored.push(blobId)
    }
    const [node] = cluster.nodes
    for (const blobId of stored)
      await node!.blobs.waitFor(blobId, state => state?.initialCertifiedEpoch !== undefined, {
        timeoutMs: 20_000,
      })
    // a store has what it needs before the last of the nodes has all
    await until('all is here', async () =>
      [...(await contents()).values()].every(bytes => bytes !== undefined),
    )
  })
  afterEach(() => cluster?.close())

  const refs = (blobId: BlobId) =>
    cluster.chain.committee.members[0]!.shards.flatMap(shard =>
      (['primary', 'secondary'] as const).map(axis => ({ pair: pairOfShard(shard, blobId, N), axis })),
    )
  const slivers = () => cluster.nodes[0]!.slivers as SliverStore
  const contents = async () => {
    const found = new Map<string, Uint8Array | undefined>()
    for (const blobId of stored)
      for (const ref of refs(blobId))
        found.set(`${blobId} ${ref.axis} ${ref.pair}`, await slivers().get(blobId, ref))
    return found
  }
  /** What is damaged is noted a moment after it was found. */
  const healed = (before: Map<string, Uint8Array | undefined>) =>
    until('all is as it was, and nothing is missing', async () => {
      const { missing } = await cluster.nodes[0]!.upkeep()
      return Object.keys(missing).length === 0 && isDeepStrictEqual(await contents(), before)
    })
  const loseAll = async () => {
    const folder = join(cluster.storePath(0), 'slivers')
    for (const name of await readdir(folder, { recursive: true, withFileTypes: true }))
      if (name.isFile()) await rm(join(name.parentPath, name.name))
  }

  it('notices it as soon as somebody asks, and rebuilds them from the others', async () => {
    const before = await contents()
    await loseAll()
    assert.ok([...(await contents()).values()].every(bytes => bytes === undefined))
    await healed(before)
  })

  it('20 bit rot: looks at all slivers when an epoch begins, and rebuilds what has decayed', async () => {
    const before = await contents()
    const folder = join(cluster.storePath(0), 'slivers')
    let rotten = 0
    for (const name of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!name.isFile() || rotten === 3) continue
      const path = join(name.parentPath, name.name)
      const bytes = await readFile(path)
      // of the last sliver in it: there are heads between the others
      bytes[bytes.length - 1]! ^= 1
      await writeFile(path, bytes)
      rotten++
    }
    cluster.chain.changeEpoch()
    await until('all slivers were looked at', async () => {
      const { scrub, epoch } = await cluster.nodes[0]!.upkeep()
      return scrub.over && scrub.epoch === epoch && scrub.bad === rotten
    })
    await healed(before)
    const text = await cluster.metrics.text()
    const bad = /^floe_scrub_bad_slivers_total\{node="node-0"\} (\d+)$/m.exec(text)
    const recovered = /^floe_recovered_slivers_total\{node="node-0"\} (\d+)$/m.exec(text)
    assert.equal(Number(bad?.[1]), rotten)
    assert.ok(Number(recovered?.[1]) >= rotten, text)
  })

  it('does so although three of the others lie, and names them', async () => {
    const before = await contents()
    for (const liar of [1, 2, 3]) {
      await cluster.stop(liar)
      cluster.wrap(liar, altering)
      await cluster.start(liar)
    }
    await loseAll()
    await contents()
    await healed(before)
    const text = await cluster.metrics.text()
    const named = text.split('\n').filter(line => line.includes('liar') && line.includes('symbol'))
    assert.ok(named.length > 0, text)
  })
})
