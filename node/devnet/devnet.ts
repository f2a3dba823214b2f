import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ScopedLog, silentLog } from '../../base/log.ts'
import { createCoordinator } from '../../chain/index.ts'
import type { ContractVersion, NetworkConfig, Wallet } from '../../chain/types.ts'
import { createAdaptiveCodec, loadBls, rememberingBls } from '../../codec/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import type { SliverStore } from '../../protocols/ports.ts'
import { createClient } from '../client/client.ts'
import type { Client } from '../client/types.ts'
import { writeConfig } from '../config.ts'
import { createGateway } from '../gateway/index.ts'
import { createMetrics, type Metrics } from '../metrics.ts'
import { peerIdFromNetworkKey } from '../network/peer-id.ts'
import { createOpened, type Opened } from '../opened.ts'
import { createRefusals } from '../refusals.ts'
import { createStorageNode, type StorageNode } from '../storage/node.ts'
import { version } from '../version.ts'
import { createNetworkOn, expectContract } from './create-network.ts'
import { DevnetError } from './errors.ts'
import { clearUnfinished, keepCopy } from './folder.ts'
import { devnetLayout } from './layout.ts'
import { lockDevnet } from './lock.ts'
import { expectOpenFiles } from './open-files.ts'
import { expectFree, httpAddress, isFree } from './ports.ts'
import { announceHttp, loadWallets, portOf, readExisting, seatNodes, writeNodeConfigs } from './provision.ts'
import { repairStores } from './repair.ts'

/** The shape of a devnet and where it is kept; everything has a default, with which it suits a test suite. */
export interface DevnetOptions {
  /** storage nodes; 13 when absent */
  nodes?: number
  /** 100 when absent; Walrus's own SDK wants n = 1 mod 3 */
  shards?: number
  /** of a new network: 4 when absent */
  contractVersion?: ContractVersion
  /** of the gateway; any free one when absent */
  port?: number
  /** folder for everything that outlives the process; a temporary one, removed when the devnet is closed, when absent */
  dir?: string
  /** Mends the chain's and the nodes' stores in `dir` before anything is started on them. */
  repair?: boolean
  /** silent when absent */
  log?: ScopedLog
  signal?: AbortSignal
  /** of the nodes; see StorageNodeInit */
  registrationWaitMs?: number
  /** Puts another store in front of a node's own, for tests. */
  wrapSlivers?: (slivers: SliverStore, nodeIndex: number) => SliverStore
}

/** A storage node of a devnet, which can be stopped and started again. */
export interface DevnetNode {
  readonly name: string
  readonly nodeId: ObjectId
  /** the running node; undefined while it is stopped */
  readonly running: StorageNode | undefined
  /** Starts it on what it has kept; one that runs stays as it is. */
  start(): Promise<void>
  /** Stops it; what it keeps stays. Idempotent. */
  stop(): Promise<void>
}

/** A running devnet. Close it; `await using` does. */
export interface Devnet extends AsyncDisposable {
  network: NetworkConfig
  /** the folder that it is kept in, `network.json` and the keys too */
  dir: string
  gatewayUrl: string
  nodes: DevnetNode[]
  /** the gateway's client and wallet */
  client: Client
  user: Wallet
  metrics: Metrics
  /** moves the chain's clock forward, by a year at most */
  advanceClock(ms: number): Promise<void>
  /** Stops everything, last started first. Idempotent; never rejects. */
  close(): Promise<void>
}

const HOST = '127.0.0.1'
/** Walrus's SDK wants 13 nodes, and n = 1 mod 3 shards. */
export const DEVNET_DEFAULTS = { nodes: 13, shards: 100, port: 0 } as const

/**
 * A whole network with its chain in this process. What is in `dir` is continued. Throws DevnetError, StoreError,
 * KeyError, ConfigError; whatever was started by then is stopped again.
 */
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const { nodes, shards, port } = { ...DEVNET_DEFAULTS, ...definedOf(options) }
  const {
    contractVersion,
    signal,
    wrapSlivers,
    registrationWaitMs,
    repair = false,
    log = silentLog(),
  } = options
  if (nodes < 1 || shards < nodes) {
    throw new DevnetError('DEVNET_OPTIONS', `${shards} shards cannot be divided among ${nodes} nodes`, {
      option: 'shards',
    })
  }
  expectOpenFiles(nodes)
  const opened = createOpened(log)
  try {
    const dir = options.dir ?? (await temporaryFolder(opened))
    const layout = devnetLayout(dir)
    await expectFree(HOST, port)
    opened.push(await lockDevnet(layout))
    const existing = await readExisting(layout, nodes)
    if (existing === undefined) await clearUnfinished(layout)
    else if (repair) await repairStores(layout, existing.network, { log, ...(signal && { signal }) })

    const metrics = createMetrics({ version })

    // 1. the chain, on which everything else is based
    const localnetLog = log.child({ node: 'localnet' })
    const refusals = createRefusals({ log: localnetLog, metrics: metrics.node('localnet') })
    opened.push(async () => refusals.close())
    const { startLocalnet } = await import('../../chain/localnet/index.ts')
    const chainPort = portOf(existing?.network.suiRpc[0])
    const reuse = chainPort !== undefined && (await isFree(HOST, chainPort))
    const localnet = await startLocalnet({
      dir: layout.localnet,
      host: HOST,
      ...(reuse ? { port: chainPort } : {}),
      log: localnetLog,
      onRefused: refusals.at('localnet'),
    })
    opened.push(() => localnet.close())
    signal?.throwIfAborted()

    // 2. the network: created once, through the contract's real functions
    const seats = await seatNodes(layout, nodes, HOST, existing)
    const wallets = await loadWallets(layout, existing === undefined)
    const base =
      existing?.network ??
      (await createNetworkOn({
        localnet,
        wallets,
        seats,
        shards,
        contractVersion,
        log,
        ...(signal === undefined ? {} : { signal }),
      }))
    const network: NetworkConfig = {
      ...base,
      suiRpc: [localnet.url],
      faucet: localnet.faucetUrl,
      peers: seats.map(({ keys, multiaddr, http }) => ({
        peerId: peerIdFromNetworkKey(keys.networkPublicKey).toString(),
        multiaddrs: [multiaddr],
        http: `http://${httpAddress(http)}`,
      })),
    }
    const coordinator = createCoordinator(network, { log })
    opened.push(() => coordinator.close())
    expectContract(await coordinator.packages(), contractVersion, dir)
    const { current } = await coordinator.committees()
    if (current.nShards !== shards) {
      const kept = { dir, nodes, shards: current.nShards }
      throw new DevnetError('DEVNET_MISMATCH', `${dir} holds a devnet of ${current.nShards} shards`, kept)
    }
    await keepCopy(layout, { ...network, nShards: shards })
    await announceHttp(coordinator, seats, current)
    const nodeIds = await writeNodeConfigs(layout, network, seats, current)
    signal?.throwIfAborted()

    // 3. the nodes. They share the codec's threads, the chain's connection and what BLS has verified: it is one machine
    const bls = rememberingBls(await loadBls())
    const codec = createAdaptiveCodec()
    opened.push(() => codec.close())
    const running = seats.map((seat, i) =>
      devnetNode(seat.name, nodeIds[i]!, () =>
        createStorageNode({
          network,
          nodeId: nodeIds[i]!,
          nShards: current.nShards,
          storePath: layout.node(seat.name).store,
          listen: [seat.multiaddr],
          http: { ...seat.http, metrics: metrics.http(`node-${seat.name}`) },
          keys: seat.keys,
          metrics: metrics.node(`node-${seat.name}`),
          log: log.child({ node: `node-${seat.name}` }),
          codec,
          coordinator,
          bls,
          ...(registrationWaitMs === undefined ? {} : { registrationWaitMs }),
          ...(wrapSlivers === undefined ? {} : { wrapSlivers: slivers => wrapSlivers(slivers, i) }),
        }),
      ),
    )
    opened.push(() => Promise.all(running.map(node => node.stop())))
    await allStarted(running.map(node => node.start()))
    // the handshakes among the nodes would slow down the first upload
    await Promise.all(running.map(node => node.running?.settled()))
    signal?.throwIfAborted()

    // 4. the gateway, last: whoever finds its port open finds everything else behind it
    const client = await createClient(network, {
      wallet: wallets.user,
      log: log.child({ node: 'gateway' }),
      metrics: metrics.node('gateway'),
      role: 'gateway',
      codec,
      coordinator,
    })
    opened.push(() => client.close())
    const gateway = createGateway({
      client,
      network,
      ledgerProblem: () => localnet.problem,
      metrics,
      log: log.child({ node: 'gateway' }),
      host: HOST,
      port,
    })
    await gateway.start()
    opened.push(() => gateway.stop())
    const complete = { ...network, nShards: shards, gateway: gateway.url }
    await writeConfig(layout.network, complete)
    return {
      network: complete,
      dir,
      gatewayUrl: gateway.url,
      nodes: running,
      client,
      user: wallets.user,
      metrics,
      async advanceClock(ms) {
        await localnet.advanceClock(ms)
      },
      close: opened.closeAll,
      [Symbol.asyncDispose]: opened.closeAll,
    }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}

/** A folder for as long as the devnet runs. */
async function temporaryFolder(opened: Opened): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'floe-devnet-'))
  opened.push(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}

function devnetNode(name: string, nodeId: ObjectId, create: () => Promise<StorageNode>): DevnetNode {
  let running: StorageNode | undefined
  let starting: Promise<void> | undefined
  return {
    name,
    nodeId,
    get running() {
      return running
    },
    start() {
      starting ??= create().then(
        node => {
          running = node
        },
        error => {
          starting = undefined
          throw error
        },
      )
      return starting
    },
    async stop() {
      // one that is still starting is stopped, too
      await starting?.catch(() => undefined)
      starting = undefined
      const node = running
      running = undefined
      await node?.stop()
    },
  }
}

/** Waits for all, whatever becomes of them, so that none is left behind; the first failure is the start's. */
async function allStarted(starts: readonly Promise<void>[]): Promise<void> {
  for (const start of await Promise.allSettled(starts)) if (start.status === 'rejected') throw start.reason
}

/** Options without those that are undefined, so that they do not hide defaults. */
function definedOf(options: DevnetOptions): DevnetOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
