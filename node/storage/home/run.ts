import { type Clock, systemClock } from '../../../base/clock.ts'
import { createCloseStack } from '../../../base/close-stack.ts'
import { defined } from '../../../base/defined.ts'
import { type ScopedLog, silentLog } from '../../../base/log.ts'
import { createCoordinator } from '../../../chain/index.ts'
import type { FullCoordinator, NetworkConfig, NodeOperator } from '../../../chain/types/index.ts'
import { rememberingBls } from '../../../codec/index.ts'
import { loadBls } from '../../../codec/node.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { ConfigError, findNetwork, type NodeConfig, parseHostPort } from '../../config.ts'
import { loadNodeKeys } from '../../keys.ts'
import { createMetrics } from '../../metrics.ts'
import type { Reach } from '../../network/circuit/reachable.ts'
import { readTls } from '../../tls-files.ts'
import { version } from '../../version.ts'
import { KeyError } from '../../wallet-file.ts'
import type { StorageNode, StorageNodeInit } from '../node.ts'
import { writeBackup } from './backup.ts'
import { type Commands, serveControl } from './control.ts'
import { nodeFolder, readFolderConfig, storeOf } from './folder.ts'
import { createMetricsServer } from './metrics-server.ts'
import { startNode } from './start.ts'

export interface RunNodeOptions extends Pick<StorageNodeInit, 'registrationWaitMs' | 'storeInit'> {
  /** the node's folder */
  dir: string
  /** file of the network; what the config names when absent */
  networkFile?: string
  /** in place of the config's */
  reach?: Reach | undefined
  relays?: readonly string[] | undefined
  upnp?: boolean | undefined
  driveEpochs?: boolean
  log?: ScopedLog
  clock?: Clock
  random?: () => number
  signal?: AbortSignal
  /** Puts another coordinator in front of the node's own, for tests. */
  wrapCoordinator?: (own: FullCoordinator) => FullCoordinator
}

/** A storage node that runs on its folder. Close it; `await using` does. */
export interface RunningNode extends AsyncDisposable {
  readonly config: NodeConfig
  readonly network: NetworkConfig
  readonly node: StorageNode
  /** of the metrics, where they are served */
  readonly metricsUrl?: string
  /**
   * Reads the config again, and takes from it what may change while the node runs: `bandwidth`. Throws ConfigError, and all stays
   * as it was.
   */
  reload(): Promise<void>
  /** Stops everything, last started first. Idempotent; never rejects. */
  close(): Promise<void>
}

/**
 * Runs the storage node of a folder, alone in its process. Throws ConfigError, KeyError, TlsError, StoreError (STORE_LOCKED when it
 * runs already), ChainError, and node's EADDRINUSE.
 */
export async function runNode(options: RunNodeOptions): Promise<RunningNode> {
  const { dir, log = silentLog(), clock = systemClock, random = Math.random, signal } = options
  const { registrationWaitMs, storeInit, wrapCoordinator = own => own } = options
  const folder = nodeFolder(dir)
  const config = withOptions(await readFolderConfig(folder), options)
  const network = await networkOf(config, options)
  const keys = await loadNodeKeys(folder.keys, false)
  const opened = createCloseStack(log)
  try {
    const metrics = createMetrics({ version })
    const coordinator = wrapCoordinator(createCoordinator(network, { log, clock, random }))
    opened.push(() => coordinator.close())
    const nodeId =
      (config.nodeId as ObjectId | undefined) ??
      (await registeredNode(coordinator.operator(keys.wallet), folder.keys, signal))
    const node = await startNode({
      network,
      nodeId,
      config,
      keys,
      storePath: storeOf(folder, config),
      tls: config.tls && (await readTls(config.tls, dir)),
      coordinator,
      bls: rememberingBls(await loadBls()),
      driveEpochs: options.driveEpochs ?? true,
      registrationWaitMs,
      storeInit,
      metrics,
      log,
      clock,
      random,
    })
    opened.push(() => node.stop())
    const commands: Commands = {
      backup: (request, progress) =>
        writeBackup(
          { folder, config, network, nShards: node.nShards, copyStore: node.copyStore, clock, ...progress },
          request,
        ),
      prepareNetworkKey: node.prepareNetworkKey,
      status: node.status,
    }
    opened.push(await serveControl(dir, commands, { clock, log }))
    signal?.throwIfAborted()
    const at = config.metrics === undefined ? undefined : parseHostPort(config.metrics)
    const server = at && createMetricsServer({ ...at, metrics, clock, log })
    if (server !== undefined) {
      await server.start()
      opened.push(() => server.stop())
    }
    return {
      config,
      network,
      node,
      metricsUrl: server && `${server.url}/metrics`,
      async reload() {
        const { bandwidth = {} } = await readFolderConfig(folder)
        node.setBandwidth(bandwidth)
        log.info({ bandwidth }, 'config read again')
      },
      close: opened.closeAll,
      [Symbol.asyncDispose]: opened.closeAll,
    }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}

/** What the command line says goes before what the config does. */
function withOptions(
  config: NodeConfig,
  { reach, relays, upnp }: Pick<RunNodeOptions, 'reach' | 'relays' | 'upnp'>,
): NodeConfig {
  return { ...config, ...defined({ reach, relays: relays && [...relays], upnp }) }
}

/** The network that a node belongs to. Throws ConfigError, CONFIG_FOREIGN when that of the file is another one. */
export async function networkOf(
  config: NodeConfig,
  { dir, networkFile }: { dir: string; networkFile?: string | undefined },
): Promise<NetworkConfig> {
  const path = nodeFolder(dir).config
  const file = networkFile ?? config.networkFile
  if (file === undefined) {
    throw new ConfigError(
      'CONFIG_MALFORMED',
      `${path} does not say what network it is of: "networkFile"`,
      path,
    )
  }
  const network = await findNetwork(file, networkFile === undefined ? dir : '.')
  if (network.systemObjectId === config.network) return network
  throw new ConfigError(
    'CONFIG_FOREIGN',
    `${path} is of the network ${config.network}, and ${file} describes ${network.systemObjectId}`,
    path,
  )
}

async function registeredNode(
  operator: NodeOperator,
  keys: string,
  signal: AbortSignal | undefined,
): Promise<ObjectId> {
  const capability = await operator.capability(signal && { signal })
  if (capability !== undefined) return capability.nodeId
  const { address } = operator.wallet
  throw new KeyError('NODE_UNKNOWN', `the wallet ${address} has registered no storage node yet`, keys)
}
