import type { ScopedLog } from '../../../base/log.ts'
import type { FullCoordinator } from '../../../chain/types/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { type NodeConfig, parseHostPort } from '../../config.ts'
import type { NodeKeys } from '../../keys.ts'
import type { Metrics } from '../../metrics.ts'
import { createStorageNode, type StorageNode, type StorageNodeInit } from '../node.ts'

/** A node as its folder describes it, and what the process has for all of its nodes. */
export interface StartNodeInput
  extends Pick<
    StorageNodeInit,
    | 'network'
    | 'nodeId'
    | 'storePath'
    | 'tls'
    | 'codec'
    | 'bls'
    | 'breather'
    | 'clock'
    | 'random'
    | 'registrationWaitMs'
    | 'storeInit'
    | 'wrapSlivers'
  > {
  nodeId: ObjectId
  config: Pick<
    NodeConfig,
    'name' | 'listen' | 'announce' | 'http' | 'limits' | 'reach' | 'upnp' | 'relays' | 'bandwidth'
  >
  keys: NodeKeys
  coordinator: FullCoordinator
  /** whether it turns epochs and reports by itself; it does when absent */
  driveEpochs?: boolean
  /** of the process; the node's are under its name */
  metrics: Metrics
  log: ScopedLog
}

/** Starts a node, in a process of its own or beside others: there is no other way that one is put together. */
export async function startNode(input: StartNodeInput): Promise<StorageNode> {
  const { config, keys, coordinator, driveEpochs = true, metrics, log, ...shared } = input
  const { name, listen, announce, limits = {}, reach, upnp, relays, bandwidth } = config
  const { current } = await coordinator.committees()
  const http = config.http === undefined ? undefined : parseHostPort(config.http)
  return await createStorageNode({
    ...shared,
    nShards: current.nShards,
    listen,
    announce: announce?.length === 0 ? undefined : announce,
    reach,
    upnp,
    relays,
    http: http && {
      ...http,
      metrics: metrics.http(name),
      limits: {
        connections: limits.httpConnections,
        connectionsPerAddress: limits.httpConnectionsPerAddress,
      },
    },
    scrubBytesPerSecond: limits.scrubBytesPerSecond,
    budget: {
      cpus: limits.recoveryThreads,
      bytesPerSecond: limits.recoveryBytesPerSecond,
      bytesInFlight: limits.recoveryBytesInFlight,
    },
    keys,
    reservedBytes: limits.reservedBytes,
    bandwidth,
    coordinator,
    operator: driveEpochs ? coordinator.operator(keys.wallet) : undefined,
    challenger: driveEpochs ? coordinator.challenger(keys.wallet) : undefined,
    metrics: metrics.node(name),
    log: log.child({ node: name }),
  })
}
