import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../base/clock.ts'
import { type CloseStack, createCloseStack } from '../../base/close-stack.ts'
import { type ScopedLog, silentLog } from '../../base/log.ts'
import type { LogLevel } from '../../base/pino-log.ts'
import { withDefaults } from '../../base/with-defaults.ts'
import { createCoordinator, createPooledWriter } from '../../chain/index.ts'
import type { ContractVersion, NetworkConfig, Wallet } from '../../chain/types/index.ts'
import { createAdaptiveCodec, rememberingBls } from '../../codec/index.ts'
import { loadBls } from '../../codec/node.ts'
import type { ObjectId } from '../../codec/types.ts'
import type { SliverStore } from '../../protocols/ports.ts'
import { createClient } from '../client/node-client.ts'
import type { Client } from '../client/types.ts'
import { writeConfig } from '../config.ts'
import { createGateway, type GatewayInit, SubWallets } from '../gateway/index.ts'
import { createMetrics, type Metrics } from '../metrics.ts'
import { createRefusals } from '../refusals.ts'
import { Breather } from '../storage/breather.ts'
import { startNode } from '../storage/home/start.ts'
import { version } from '../version.ts'
import { createNetworkOn, expectContract, expectEpochLength, expectEpochs } from './create-network.ts'
import { type DevnetNode, nodeBeside, type ProcessNode } from './devnet-node.ts'
import { type DevnetRelay, startDevnetRelay } from './devnet-relay.ts'
import { DevnetError } from './errors.ts'
import { clearUnfinished, keepCopy } from './folder.ts'
import { devnetLayout } from './layout.ts'
import { lockDevnet } from './lock.ts'
import { expectOpenFiles } from './open-files.ts'
import { expectFree, isFree } from './ports.ts'
import { createProcessNode } from './process-node.ts'
import {
  announceHttp,
  loadWallets,
  peerOf,
  portOf,
  proxySeats,
  readExisting,
  seatNodes,
  writeNodeConfigs,
} from './provision.ts'
import { repairStores } from './repair.ts'

interface CommonOptions {
  /** pages reach the nodes, and the relay, by WebRTC, too; not when absent */
  webRtc?: boolean
  /** storage nodes; 13 when absent */
  nodes?: number
  /** 100 when absent; Walrus's own SDK wants n = 1 mod 3 */
  shards?: number
  /** of a new network: 4 when absent */
  contractVersion?: ContractVersion
  /** how long an epoch of a new network lasts, by the chain's clock: 10 s at least, a day when absent */
  epochMs?: number
  /** Checkpoints that the chain keeps, one for each transaction; what is older is pruned. All when absent. */
  keepCheckpoints?: number
  /** of the gateway; any free one when absent */
  port?: number
  /** Nodes without addresses of their own: everything goes over the devnet's relay. */
  private?: boolean
  /** whom the gateway answers, and where it listens: on 127.0.0.1 when absent */
  gateway?: Pick<GatewayInit, 'host' | 'hostNames' | 'allowedOrigins' | 'publish'>
  /** Wallets by which the gateway stores, so that as many uploads go on at once; 0 when absent: by the user's alone. */
  subWallets?: number
  /** of web pages of other hosts that may ask the chain, whose faucet is a part of it: `https://app.example`; none when absent */
  pageOrigins?: readonly string[] | undefined
  /** folder for everything that outlives the process; a temporary one, removed when the devnet is closed, when absent */
  dir?: string
  /** Mends the chain's and the nodes' stores in `dir` before anything is started on them. */
  repair?: boolean
  /** silent when absent */
  log?: ScopedLog
  signal?: AbortSignal
  /** Whether nodes turn epochs and report by themselves; they do when absent. A test may do it by hand. */
  driveEpochs?: boolean
  /** of the nodes; see StorageNodeInit */
  registrationWaitMs?: number
  /** the time of the chain, the nodes, the client and the gateway; the machine's when absent */
  clock?: Clock
  /** what they draw by, from 0 to 1; when absent, the system's secure source for the chain and Math.random for the others */
  random?: () => number
}

/** Nodes beside each other in this process. */
export interface NodesBeside {
  processes?: false
  /** Puts another store in front of a node's own, for tests. */
  wrapSlivers?: (slivers: SliverStore, nodeIndex: number) => SliverStore
}

/** Each node in a process of its own, which is started again when it ends. They have the machine's time and chance. */
export interface NodesInProcesses {
  processes: true
  /** of the lines that they send to `log`; `info` when absent */
  logLevel?: LogLevel
  /** what their processes run, for tests */
  nodeProgram?: URL
}

/** The shape of a devnet and where it is kept; everything has a default, with which it suits a test suite. */
export type DevnetOptions = CommonOptions & (NodesBeside | NodesInProcesses)

/** A running devnet. Close it; `await using` does. */
export interface Devnet<Node extends DevnetNode = DevnetNode> extends AsyncDisposable {
  network: NetworkConfig
  /** the folder that it is kept in, `network.json` and the keys too */
  dir: string
  gatewayUrl: string
  nodes: Node[]
  /** by which private nodes are reached */
  relay: Pick<DevnetRelay, 'peerId' | 'multiaddrs' | 'http' | 'view'>
  /** the gateway's client and wallet */
  client: Client
  user: Wallet
  /** of this process */
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
 * A whole network, with its chain and its gateway in this process. What is in `dir` is continued. Throws DevnetError, StoreError,
 * LedgerStoreError, KeyError, ConfigError; whatever was started by then is stopped again.
 */
export function startDevnet(options: CommonOptions & NodesInProcesses): Promise<Devnet<ProcessNode>>
export function startDevnet(options?: DevnetOptions): Promise<Devnet>
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const { nodes, shards, port } = withDefaults<Record<keyof typeof DEVNET_DEFAULTS, number>>(
    DEVNET_DEFAULTS,
    options,
  )
  const {
    contractVersion,
    epochMs,
    keepCheckpoints,
    signal,
    registrationWaitMs,
    driveEpochs = true,
    repair = false,
    private: isPrivate = false,
    log = silentLog(),
    clock = systemClock,
    random = Math.random,
  } = options
  if (nodes < 1 || shards < nodes) {
    throw new DevnetError('DEVNET_OPTIONS', `${shards} shards cannot be divided among ${nodes} nodes`, {
      option: 'shards',
    })
  }
  expectEpochLength(epochMs)
  expectOpenFiles(nodes)
  const opened = createCloseStack(log)
  try {
    const dir = options.dir ?? (await temporaryFolder(opened))
    const layout = devnetLayout(dir)
    await expectFree(HOST, port)
    opened.push(await lockDevnet(layout, clock))
    const existing = await readExisting(layout, nodes)
    if (existing === undefined) await clearUnfinished(layout)
    else if (repair) await repairStores(layout, existing.network, { clock, log, signal })

    const metrics = createMetrics({ version })

    // 1. the chain, on which everything else is based
    const localnetLog = log.child({ node: 'localnet' })
    const refusals = createRefusals({ clock, log: localnetLog, metrics: metrics.node('localnet') })
    opened.push(async () => refusals.close())
    const { startLocalnet } = await import('../../chain/localnet/index.ts')
    const chainPort = portOf(existing?.network.suiRpc[0])
    const reuse = chainPort !== undefined && (await isFree(HOST, chainPort))
    const localnet = await startLocalnet({
      dir: layout.localnet,
      host: HOST,
      keepCheckpoints,
      pageOrigins: options.pageOrigins,
      port: reuse ? chainPort : undefined,
      log: localnetLog,
      clock,
      // a chain that nobody is to repeat draws what cannot be guessed
      random: options.random,
      onRefused: refusals.at('localnet'),
    })
    opened.push(() => localnet.close())
    signal?.throwIfAborted()

    // 2. the network: created once, through the contract's real functions
    const seats = await seatNodes(layout, nodes, HOST, existing, opened, {
      withMetrics: options.processes === true,
      webRtc: options.webRtc === true,
    })
    const wallets = await loadWallets(layout, existing === undefined)
    const relay = await startDevnetRelay(layout, HOST, existing?.network, opened, {
      webRtc: options.webRtc,
      clock,
      random,
      metrics,
      log: log.child({ node: 'relay' }),
    })
    opened.push(() => relay.close())
    if (isPrivate) proxySeats(seats, relay)
    const base =
      existing?.network ??
      (await createNetworkOn({
        localnet,
        wallets,
        seats,
        shards,
        contractVersion,
        epochMs,
        clock,
        random,
        log,
        signal,
      }))
    const network: NetworkConfig = {
      ...base,
      suiRpc: [localnet.url],
      faucet: localnet.faucetUrl,
      relays: relay.multiaddrs,
      peers: seats.map(peerOf),
    }
    const coordinator = createCoordinator(network, { log, clock, random })
    opened.push(() => coordinator.close())
    await relay.join(network, coordinator)
    expectContract(await coordinator.packages(), contractVersion, dir)
    expectEpochs(await coordinator.system(), epochMs, dir)
    const { current } = await coordinator.committees()
    if (current.nShards !== shards) {
      const kept = { dir, nodes, shards: current.nShards }
      throw new DevnetError('DEVNET_MISMATCH', `${dir} holds a devnet of ${current.nShards} shards`, kept)
    }
    await keepCopy(layout, { ...network, nShards: shards })
    await announceHttp(coordinator, seats, current)
    const configs = await writeNodeConfigs(layout, network, seats, current)
    signal?.throwIfAborted()

    // 3. the nodes. Those in this process share the codec's threads, the chain's connection, what BLS has verified, and pauses
    const bls = rememberingBls(await loadBls())
    const codec = createAdaptiveCodec()
    opened.push(() => codec.close())
    const breather = new Breather(clock)
    const running = seats.map((seat, i): DevnetNode => {
      const config = configs[i]!
      const nodeId = config.nodeId as ObjectId
      const { dir, store } = layout.node(seat.name)
      if (options.processes) {
        const { logLevel = 'info', nodeProgram: program } = options
        const orders = { dir, logLevel, driveEpochs, registrationWaitMs }
        const nodeLog = log.child({ node: config.name })
        return createProcessNode({ name: seat.name, nodeId, orders, program, clock, random, log: nodeLog })
      }
      const { wrapSlivers } = options
      const create = () =>
        startNode({
          network,
          nodeId,
          config,
          keys: seat.keys,
          storePath: store,
          coordinator,
          driveEpochs,
          metrics,
          log,
          codec,
          bls,
          breather,
          clock,
          random,
          registrationWaitMs,
          wrapSlivers: wrapSlivers && (slivers => wrapSlivers(slivers, i)),
        })
      return nodeBeside(seat.name, nodeId, create)
    })
    opened.push(() => Promise.all(running.map(node => node.stop())))
    await allStarted(running.map(node => node.start()))
    // the handshakes among the nodes would slow down the first upload
    await Promise.all(running.map(node => node.running?.settled()))
    signal?.throwIfAborted()

    // 4. the gateway, last: behind a port that is open is everything else
    const pool = await SubWallets.open({
      folder: join(dir, 'gateway', 'sub-wallets'),
      count: options.subWallets ?? 0,
      wallet: wallets.user,
      chain: coordinator,
      metrics,
      log: log.child({ node: 'gateway' }),
      clock,
    })
    opened.push(() => pool[Symbol.asyncDispose]())
    await pool.start(signal)
    const writer = createPooledWriter(coordinator, wallets.user, pool)
    const client = await createClient(network, {
      wallet: wallets.user,
      writer,
      maxUploads: 2 * pool.uploads,
      log: log.child({ node: 'gateway' }),
      metrics: metrics.node('gateway'),
      role: 'gateway',
      codec,
      coordinator,
      clock,
      random,
    })
    opened.push(() => client.close())
    const gateway = createGateway({
      client,
      network,
      // the localnet's: it has no key
      page: { suiRpc: network.suiRpc },
      chain: coordinator,
      manage: { writer, chain: coordinator },
      uploadRelay: { chain: coordinator },
      dir: join(dir, 'gateway'),
      limits: { uploads: pool.uploads },
      ledgerProblem: () => localnet.problem,
      metrics,
      log: log.child({ node: 'gateway' }),
      clock,
      host: HOST,
      port,
      ...options.gateway,
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
      relay,
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
async function temporaryFolder(opened: CloseStack): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'floe-devnet-'))
  opened.push(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}

/** Waits for all, whatever becomes of them, so that none is left behind; the first failure is the start's. */
async function allStarted(starts: readonly Promise<void>[]): Promise<void> {
  for (const start of await Promise.allSettled(starts)) if (start.status === 'rejected') throw start.reason
}
