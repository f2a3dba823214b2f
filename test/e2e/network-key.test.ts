import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import type { BlobId } from '../../codec/types.ts'
import { createClient } from '../../node/client/index.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import type { ProcessNode } from '../../node/devnet/devnet-node.ts'
import { isFree } from '../../node/devnet/ports.ts'
import { createNetworkNode, type NetworkNode } from '../../node/network/libp2p.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { cli } from './support/cli.ts'
import { controlEpochs, type EpochControl, testLog, until } from './support/epochs.ts'

/** Somebody who listens at a port, and nobody at the next. */
async function withFreeNeighbour() {
  for (;;) {
    const someone = createServer().listen(0, '127.0.0.1')
    await once(someone, 'listening')
    const { port } = someone.address() as AddressInfo
    if (await isFree('127.0.0.1', port + 1)) return { someone, port }
    someone.close()
    await once(someone, 'close')
  }
}

describe("a node's network key is replaced", function () {
  this.timeout(240_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet<ProcessNode>
  let epochs: EpochControl
  let dialer: NetworkNode
  before(async () => {
    folder = await temporaryFolder()
    const shape = { nodes: 4, shards: 12, processes: true as const, epochMs: 3_600_000 }
    devnet = await startDevnet({ ...shape, dir: folder.path, log: testLog() })
    epochs = controlEpochs(devnet)
    dialer = await createNetworkNode({
      network: devnet.network.systemObjectId,
      roles: ['client'],
      log: silentLog(),
      clock: systemClock,
      random: Math.random,
    })
  })
  after(async () => {
    await dialer?.stop()
    await epochs?.[Symbol.asyncDispose]()
    await devnet?.close()
    await folder?.remove()
  })

  const dir = () => join(folder.path, 'nodes', '00')
  const rotate = async (...args: string[]) => {
    const { code, stdout, stderr } = await cli([
      'node',
      'rotate-key',
      'network',
      '--dir',
      dir(),
      ...args,
      '--json',
    ])
    return code === 0 ? JSON.parse(stdout.toString()) : JSON.parse(stderr.trim().split('\n').at(-1)!).error
  }
  const keyFiles = async () =>
    (await readdir(join(dir(), 'keys'))).filter(name => /^network/.test(name)).sort()
  /** Whether somebody of this name answers there. */
  const isAt = async (address: string, peerId: string): Promise<boolean> => {
    try {
      const connection = await dialer.dial(multiaddr(`${address}/p2p/${peerId}`), {
        signal: AbortSignal.timeout(10_000),
      })
      await connection.close()
      return true
    } catch {
      return false
    }
  }
  const recordOf = async (nodeId: string) =>
    (await epochs.chain.committees({ fresh: true })).current.members.find(one => one.nodeId === nodeId)!

  it('while it is used: both listen for an epoch, a kill in between changes nothing, and nobody misses it', async () => {
    const { client, nodes, network } = devnet
    const [node, other] = nodes as [ProcessNode, ProcessNode]
    const before = network.peers[0]!
    const [home, web] = before.multiaddrs as [string, string]
    const stored: { blobId: BlobId; data: Buffer }[] = []
    const store = async (by = client) => {
      const data = randomBytes(2_000)
      const result = await by.store(data, { epochs: 10, deletable: true })
      const { blobId } = result.kind === 'newlyCreated' ? result.blob : result
      stored.push({ blobId, data })
    }
    const readAll = async (by = client) => {
      for (const { blobId, data } of stored) assert.ok(data.equals((await by.read(blobId)).data))
    }
    await store()
    await store()

    // WebSockets take the port after it
    const { someone, port } = await withFreeNeighbour()
    const refused = await rotate('--port', String(port))
    assert.deepEqual([refused.code, refused.exitCode], ['NODE_FAILED', 5])
    assert.match(refused.hint, new RegExp(`${port}.*--port`))
    someone.close()
    await once(someone, 'close')
    assert.deepEqual(await keyFiles(), ['network.key', 'network.next.key', 'network.rotation.json'])

    // a client and nodes that knew the node before, while it goes over
    const using = new AbortController()
    const traffic = (async () => {
      while (!using.signal.aborted) {
        await store()
        await readAll()
      }
    })()
    const told = await rotate('--port', String(port))
    assert.equal(told.announced, 'now')
    const aside = home.replace(/tcp\/\d+/, `tcp/${port}`)
    const asideWeb = web.replace(/tcp\/\d+/, `tcp/${port + 1}`)
    assert.deepEqual(told.multiaddrs, [home, web, aside, asideWeb])
    assert.equal(told.since, (await epochs.timing()).epoch)
    assert.notEqual(told.peerId, before.peerId)
    assert.deepEqual([await isAt(home, before.peerId), await isAt(aside, told.peerId)], [true, true])
    assert.deepEqual(await keyFiles(), ['network.key', 'network.old.key', 'network.rotation.json'])
    assert.equal((await rotate('--port', String(port))).announced, 'before')
    using.abort()
    await traffic

    const { pid } = node
    node.kill('SIGKILL')
    await until('it has another process', async () => node.pid !== undefined && node.pid !== pid)
    await node.start()
    assert.deepEqual([await isAt(home, before.peerId), await isAt(aside, told.peerId)], [true, true])
    // 9 of 12 shards certify: not without it
    await other.stop()
    await store()
    const newcomer = await createClient(network, { wallet: devnet.user, log: silentLog() })
    try {
      await store(newcomer)
      await readAll(newcomer)
    } finally {
      await newcomer.close()
    }
    await readAll()
    await other.start()

    const first = await epochs.turn()
    assert.deepEqual([await isAt(home, before.peerId), await isAt(aside, told.peerId)], [true, true])
    await epochs.turn()
    await until('the old key has gone', async () => (await keyFiles()).join() === 'network.key')
    assert.deepEqual(
      [await isAt(home, before.peerId), await isAt(home, told.peerId), await isAt(aside, told.peerId)],
      [false, true, false],
    )
    const record = await recordOf(node.nodeId)
    assert.deepEqual([record.multiaddrs, first], [[home, web], told.since + 1])
    assert.equal(Buffer.from(record.networkPublicKey).toString('hex'), told.publicKey)
    await other.stop()
    await store()
    await readAll()
    await other.start()
    await until('it has reported', async () => (await epochs.reported(0)) === told.since + 2)
  })
})
