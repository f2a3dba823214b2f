import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { silentLog } from '../../base/log.ts'
import { createCoordinator, keypairWallet } from '../../chain/index.ts'
import type { NetworkConfig } from '../../chain/types/index.ts'
import { pairOfShard } from '../../codec/index.ts'
import type { BlobId } from '../../codec/types.ts'
import { createClient } from '../../node/client/node-client.ts'
import { startDevnet } from '../../node/devnet/devnet.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { type UpProcess, upProcess } from './support/cli.ts'

/** For what does not hang on how many nodes there are. */
const SMALL = { nodes: 4, shards: 10 }
const SMALL_FLAGS = ['--nodes', '4', '--shards', '10']

describe('a devnet in a process of its own', function () {
  this.timeout(240_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let up: UpProcess | undefined
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(async () => {
    await up?.end('SIGKILL')
    up = undefined
    await folder.remove()
  })
  const networkOf = async () =>
    JSON.parse(await readFile(join(folder.path, 'network.json'), 'utf8')) as NetworkConfig
  const walletOf = async () =>
    keypairWallet((await readFile(join(folder.path, 'keys', 'user.sui.key'), 'utf8')).trim())
  const start = async (flags: readonly string[] = []) => {
    up = await upProcess(['--port', '0', '--dir', folder.path, ...flags])
    return up
  }
  const startSmall = (options: Parameters<typeof startDevnet>[0] = {}) =>
    startDevnet({ dir: folder.path, port: 0, log: silentLog(), ...SMALL, ...options })

  /** How many of its slivers of a blob a node does not have. */
  const missingOf = async (node: string, blobId: BlobId): Promise<number> => {
    const network = await networkOf()
    const coordinator = createCoordinator(network)
    const { current } = await coordinator.committees()
    await coordinator.close()
    const member = current.members.find(({ name }) => name === `node-${node}`)
    const slivers = (member?.shards ?? []).flatMap(shard =>
      ['primary', 'secondary'].map(axis => `${pairOfShard(shard, blobId, current.nShards)}/${axis}`),
    )
    const { http } = network.peers[Number(node)]!
    const statuses = await Promise.all(
      slivers.map(async sliver => (await fetch(`${http}/v1/blobs/${blobId}/slivers/${sliver}`)).status),
    )
    assert.ok(statuses.every(status => status === 200 || status === 404))
    return statuses.filter(status => status === 404).length
  }

  it('keeps certified blobs and balances through SIGKILL during an upload and cut-off files', async () => {
    const first = await start()
    assert.equal((first.ready.peers as unknown[]).length, 13)
    const wallet = await walletOf()
    const writer = await createClient(await networkOf(), { wallet, log: silentLog() })
    const blobs: { blobId: BlobId; data: Uint8Array }[] = []
    for (const size of [1, 1000, 300_000]) {
      const data = randomBytes(size)
      const result = await writer.store(data, { epochs: 2, deletable: size > 1 })
      blobs.push({ data, blobId: result.kind === 'newlyCreated' ? result.blob.blobId : result.blobId })
    }
    // waits for the nodes that the quorums did not need: every node has its slivers from here on
    await writer.close()
    const coordinator = createCoordinator(await networkOf())
    const before = await coordinator.balances(wallet.address)
    await coordinator.close()

    const large = randomBytes(8_000_000)
    const client = await createClient(await networkOf(), { wallet, log: silentLog() })
    const uploading = client.store(large, {
      epochs: 1,
      deletable: true,
      onProgress({ phase }) {
        // the slivers are on their way, no quorum has confirmed them
        if (phase === 'upload') void first.end('SIGKILL')
      },
    })
    await assert.rejects(uploading)
    assert.equal(await first.end('SIGKILL'), 'SIGKILL')
    await client.close()

    // cut the end off every store file of 4 nodes, whatever blob it belongs to
    let cut = 0
    const damaged = ['01', '05', '08', '10']
    for (const node of damaged) {
      const root = join(folder.path, 'nodes', node, 'store', 'slivers')
      for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue
        const path = join(entry.parentPath, entry.name)
        const { length } = await readFile(path)
        await truncate(path, Math.max(0, length - 7))
        cut++
      }
    }
    assert.ok(cut > 0)

    const second = await start()
    const again = await createClient(await networkOf(), { wallet, log: silentLog() })
    for (const { blobId, data } of blobs) {
      assert.ok(Buffer.from((await again.read(blobId)).data).equals(data))
    }
    // which nodes a reader asks is up to it: ask the damaged ones themselves, for all that they should have
    for (const node of damaged) {
      const missing = await Promise.all(blobs.map(({ blobId }) => missingOf(node, blobId)))
      // those of the small ones lie in the index, which was not touched
      assert.deepEqual(missing.slice(0, -1), [0, 0])
      assert.ok(missing.at(-1)! > 0, `node ${node} misses ${missing}`)
    }
    for (const { blobId, data } of blobs) {
      assert.ok(Buffer.from((await again.read(blobId)).data).equals(data))
    }
    const after = createCoordinator(await networkOf())
    const { wal } = await after.balances(wallet.address)
    await after.close()
    assert.ok(wal <= before.wal && wal > before.wal - 10n ** 9n, 'only the last registration was paid for')
    const retried = await again.store(large, { epochs: 1, deletable: true })
    assert.equal(retried.kind, 'newlyCreated')
    await again.close()
    assert.equal(await second.end('SIGTERM'), 0)
    assert.match(second.stderr(), /damaged/)
  })

  it('starts over when its set-up was cut short', async () => {
    const network = join(folder.path, 'network.json')
    // a kill leaves everything but the file that is written last
    const devnet = await startSmall()
    await devnet.close()
    await rm(network)
    const again = await startSmall()
    try {
      const result = await again.client.store(randomBytes(100), { epochs: 1, deletable: true })
      assert.equal(result.kind, 'newlyCreated')
    } finally {
      await again.close()
    }
  })

  it('goes on where it stopped, and refuses another shape', async () => {
    const first = await startSmall()
    const data = randomBytes(5000)
    const stored = await first.client.store(data, { epochs: 1, deletable: true })
    const blobId = stored.kind === 'newlyCreated' ? stored.blob.blobId : stored.blobId
    await first.close()
    const second = await startSmall()
    try {
      assert.deepEqual(second.network.peers, first.network.peers)
      assert.deepEqual(second.network.suiRpc, first.network.suiRpc)
      assert.ok(Buffer.from((await second.client.read(blobId)).data).equals(data))
    } finally {
      await second.close()
    }
    for (const file of ['bls.key', 'network.key']) {
      const path = join(folder.path, 'nodes', '02', 'keys', file)
      const right = await readFile(path)
      await writeFile(path, await readFile(join(folder.path, 'nodes', '03', 'keys', file)))
      const starting = startSmall()
      await assert.rejects(starting, { code: 'KEY_MISMATCH', path })
      await writeFile(path, right)
    }
    const others = [{ nodes: 7 }, { shards: 40 }]
    for (const shape of others) {
      const starting = startSmall(shape)
      await assert.rejects(starting, { code: 'DEVNET_MISMATCH' })
    }
  })

  it('prints one line when ready, and stops cleanly on SIGTERM and Ctrl-C', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const running = await start(SMALL_FLAGS)
      const fields = ['gateway', 'suiRpc', 'faucet', 'systemObjectId', 'stakingObjectId', 'walType', 'peers']
      for (const field of fields) assert.ok(field in running.ready, field)
      assert.equal((running.ready.peers as unknown[]).length, SMALL.nodes)
      assert.ok([0, 130].includes(Number(await running.end(signal))))
    }
  })

  it('names the port that is in use, and the folder that is', async () => {
    const server: Server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const starting = startSmall({ port })
    await assert.rejects(starting, { code: 'EADDRINUSE', port, message: new RegExp(String(port)) })
    server.close()
    await start(SMALL_FLAGS)
    await assert.rejects(startSmall(), { code: 'DEVNET_LOCKED' })
  })
})
