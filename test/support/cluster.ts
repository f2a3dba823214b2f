import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createCloseStack } from '../../base/close-stack.ts'
import { type ScopedLog, silentLog } from '../../base/log.ts'
import { createLog } from '../../base/pino-log.ts'
import { createAdaptiveCodec } from '../../codec/index.ts'
import { loadBls } from '../../codec/node.ts'
import { createClient } from '../../node/client/node-client.ts'
import type { Client } from '../../node/client/types.ts'
import { choosePorts } from '../../node/devnet/ports.ts'
import { createMetrics, type Metrics } from '../../node/metrics.ts'
import { networkPublicKeyFromSeed } from '../../node/network/peer-id.ts'
import { createStorageNode, type StorageNode, type StorageNodeInit } from '../../node/storage/node.ts'
import type { SliverStore } from '../../protocols/ports.ts'
import { FakeChain } from './fake-chain.ts'
import { temporaryFolder } from './temporary.ts'

export interface Cluster {
  chain: FakeChain
  nodes: (StorageNode | undefined)[]
  client: Client
  metrics: Metrics
  /** Another client, which has learnt nothing of its peers yet, and the lines that it logs. Close it. */
  reader(): Promise<{ client: Client; logged: string[] }>
  /** folder of a node's store */
  storePath(index: number): string
  stop(index: number): Promise<void>
  /** `listen`: elsewhere than the chain says */
  start(index: number, listen?: readonly string[]): Promise<void>
  /** From the next start on, the node's store is wrapped so. */
  wrap(index: number, wrapper: (slivers: SliverStore) => SliverStore): void
  close(): Promise<void>
}

export interface ClusterInit {
  nodes?: number
  shards?: number
  registrationWaitMs?: number
  /** What stands before a node's store; the nodes serve HTTP then. */
  storeInit?: (index: number) => StorageNodeInit['storeInit']
  /** Stands before the slivers of each node. */
  wrapSlivers?: (slivers: SliverStore) => SliverStore
}

/** Real storage nodes and a real client over loopback, on a chain in memory. */
export async function startCluster({
  nodes: count = 4,
  shards = 10,
  storeInit,
  registrationWaitMs,
  wrapSlivers: wrapEach,
}: ClusterInit = {}): Promise<Cluster> {
  const folder = await temporaryFolder()
  const bls = await loadBls()
  const codec = createAdaptiveCodec()
  const metrics = createMetrics({ version: 'test' })
  const held = createCloseStack(silentLog())
  const ports = await choosePorts(
    '127.0.0.1',
    Array.from({ length: count }, () => undefined),
    held,
  )
  const seats = await Promise.all(
    ports.map(async (port, i) => {
      const keys = { blsSecret: bls.generateSecret(), networkSeed: Uint8Array.from(randomBytes(32)) }
      const networkPublicKey = await networkPublicKeyFromSeed(keys.networkSeed)
      const multiaddrs = [`/ip4/127.0.0.1/tcp/${port}`]
      return {
        name: `node-${i}`,
        keys,
        networkPublicKey,
        blsPublicKey: bls.publicKey(keys.blsSecret),
        multiaddrs,
      }
    }),
  )
  const chain = new FakeChain(shards, seats)
  const log: ScopedLog = process.env.FLOE_TEST_LOG === undefined ? silentLog() : createLog({ level: 'debug' })
  const wrappers = new Map<number, (slivers: SliverStore) => SliverStore>()
  const running: (StorageNode | undefined)[] = seats.map(() => undefined)

  const storePath = (i: number): string => join(folder.path, String(i))
  const start = async (i: number, listen: readonly string[] = seats[i]!.multiaddrs): Promise<void> => {
    const wrapSlivers = wrappers.get(i) ?? wrapEach
    running[i] ??= await createStorageNode({
      network: chain.network,
      nodeId: chain.committee.members[i]!.nodeId,
      nShards: shards,
      storePath: storePath(i),
      listen,
      keys: seats[i]!.keys,
      metrics: metrics.node(seats[i]!.name),
      log: log.child({ node: seats[i]!.name }),
      codec,
      coordinator: chain,
      wrapSlivers,
      registrationWaitMs,
      storeInit: storeInit && (storeInit(i) ?? {}),
      http: storeInit && { host: '127.0.0.1', port: 0 },
    })
  }
  const stop = async (i: number): Promise<void> => {
    const node = running[i]
    running[i] = undefined
    await node?.stop()
  }
  await Promise.all(seats.map((_, i) => start(i)))
  const reader = async () => {
    const logged: string[] = []
    const client = await createClient(chain.network, {
      wallet: chain.wallet,
      remember: false,
      log: createLog({ level: 'debug', json: true, write: line => logged.push(line) }),
      metrics: metrics.node('client'),
      codec,
      coordinator: chain,
    })
    return { client, logged }
  }
  const { client } = await reader()
  return {
    chain,
    nodes: running,
    client,
    metrics,
    reader,
    storePath,
    start,
    stop,
    wrap: (i, wrapper) => wrappers.set(i, wrapper),
    async close() {
      await client.close()
      await Promise.all(running.map((_, i) => stop(i)))
      await held.closeAll()
      await codec.close()
      await folder.remove()
    },
  }
}
