import { relative } from 'node:path'
import type { CloseStack } from '../../base/close-stack.ts'
import { defined } from '../../base/defined.ts'
import type {
  Committee,
  CommitteeMember,
  FullCoordinator,
  NetworkConfig,
  Wallet,
} from '../../chain/types/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { NODE_SCHEMA_VERSION, type NodeConfig, readNodeConfig, writeConfig } from '../config.ts'
import { loadNodeKeys, loadWallet, type NodeKeys } from '../keys.ts'
import { peerIdFromNetworkKey } from '../network/peer-id.ts'
import { withCerthash } from '../network/web-rtc/certificate.ts'
import { DevnetError } from './errors.ts'
import { readNetwork, unlessLost } from './folder.ts'
import { type DevnetLayout, nodeName } from './layout.ts'
import { choosePorts, httpAddress } from './ports.ts'

/** What is on disk of a devnet that was set up to the end. */
export interface ExistingDevnet {
  network: NetworkConfig
  /** undefined where a node's config is gone or damaged: it is written anew at each start */
  nodes: (NodeConfig | undefined)[]
}

/** Reads a devnet's folder, as `readNetwork` does. Throws DEVNET_WITHOUT_NODES and DEVNET_MISMATCH besides. */
export async function readExisting(layout: DevnetLayout, nodes: number): Promise<ExistingDevnet | undefined> {
  const network = await readNetwork(layout)
  if (network === undefined) return undefined
  const { dir } = layout
  if (network.peers.length === 0) {
    throw new DevnetError('DEVNET_WITHOUT_NODES', `${dir} holds a Sui of its own, without storage nodes`, {
      dir,
    })
  }
  if (network.peers.length !== nodes) {
    throw new DevnetError('DEVNET_MISMATCH', `${dir} holds a devnet of ${network.peers.length} nodes`, {
      dir,
      nodes: network.peers.length,
      shards: network.nShards ?? 0,
    })
  }
  const configs = network.peers.map(async (_, i) => {
    return await unlessLost(readNodeConfig(layout.node(nodeName(i)).config))
  })
  return { network, nodes: await Promise.all(configs) }
}

/** The port in a `/ip4/../tcp/PORT` address or a URL. */
export function portOf(address: string | undefined): number | undefined {
  const found = address?.match(/\/tcp\/(\d+)|:(\d+)/)
  return found === undefined || found === null ? undefined : Number(found[1] ?? found[2])
}

export interface NodeSeat {
  name: string
  /** as the last run knew it */
  nodeId: ObjectId | undefined
  keys: NodeKeys
  /** that it listens on: TCP, and for pages WebSockets and, where that is wanted, WebRTC */
  multiaddrs: readonly string[]
  /** of its HTTP API */
  http: { host: string; port: number }
  /** the relay over which alone it is reached, by libp2p and HTTP */
  over?: { multiaddrs: readonly string[]; http: string }
  /** of its metrics, where they are its own */
  metrics?: { host: string; port: number }
}

/** Keys and addresses for each node; the addresses of the last run where they are free. They are kept from other devnets until `held` is closed. */
export async function seatNodes(
  layout: DevnetLayout,
  nodes: number,
  host: string,
  existing: ExistingDevnet | undefined,
  held: Pick<CloseStack, 'push'>,
  { withMetrics = false, webRtc = false }: { withMetrics?: boolean; webRtc?: boolean } = {},
): Promise<NodeSeat[]> {
  const names = Array.from({ length: nodes }, (_, i) => nodeName(i))
  // a network that exists knows its nodes by their keys
  const mayCreate = existing === undefined
  const [ports, keys] = await Promise.all([
    choosePorts(
      host,
      [
        ...names.map((_, i) => portOf(existing?.nodes[i]?.listen[0])),
        ...names.map((_, i) => portOf(existing?.nodes[i]?.http)),
        ...names.map((_, i) => portOf(existing?.nodes[i]?.listen[1])),
        ...(withMetrics ? names.map((_, i) => portOf(existing?.nodes[i]?.metrics)) : []),
      ],
      held,
    ),
    Promise.all(names.map(name => loadNodeKeys(layout.node(name).keys, mayCreate))),
  ])
  return names.map((name, i) => ({
    name,
    nodeId: existing?.nodes[i]?.nodeId as ObjectId | undefined,
    keys: keys[i]!,
    multiaddrs: [
      `/ip4/${host}/tcp/${ports[i]}`,
      `/ip4/${host}/tcp/${ports[2 * nodes + i]}/ws`,
      ...(webRtc ? [`/ip4/${host}/udp/${ports[i]}/webrtc-direct`] : []),
    ],
    http: { host, port: ports[nodes + i]! },
    metrics: withMetrics ? { host, port: ports[3 * nodes + i]! } : undefined,
  }))
}

/** Tells the chain where HTTP APIs are that found their earlier port taken: clients look for them there only. */
export async function announceHttp(
  chain: Pick<FullCoordinator, 'operator'>,
  seats: readonly NodeSeat[],
  committee: Committee,
): Promise<void> {
  const moved = seats.filter(seat => {
    const known = memberOf(committee, seat)?.networkAddress
    return known !== undefined && known !== networkAddressOf(seat)
  })
  await Promise.all(
    moved.map(seat => chain.operator(seat.keys.wallet).setNetworkAddress(networkAddressOf(seat))),
  )
}

/** By what does not depend on the keys first: whether those are the right ones is for the node to say. */
function memberOf({ members }: Committee, { name, nodeId, keys }: NodeSeat): CommitteeMember | undefined {
  const key = Buffer.from(keys.networkPublicKey)
  return (
    members.find(member => member.nodeId === nodeId) ??
    members.find(member => key.equals(member.networkPublicKey)) ??
    members.find(member => member.name === `node-${name}`)
  )
}

/** Makes nodes private: they are reached over the relay and nowhere else. */
export function proxySeats(
  seats: readonly NodeSeat[],
  relay: { multiaddrs: readonly string[]; http: string },
): void {
  for (const seat of seats) seat.over = relay
}

const peerIdOf = ({ keys }: NodeSeat): string => peerIdFromNetworkKey(keys.networkPublicKey).toString()

/** Where its HTTP API is, as the chain has it. */
export function networkAddressOf(seat: NodeSeat): string {
  const { http, over } = seat
  return over === undefined ? httpAddress(http) : `${over.http}/peers/${peerIdOf(seat)}`
}

/** Where a node is found before the chain was read. */
export function peerOf(seat: NodeSeat): NetworkConfig['peers'][number] {
  const peerId = peerIdOf(seat)
  const { multiaddrs, over } = seat
  return {
    peerId,
    multiaddrs:
      over?.multiaddrs.map(relay => `${relay}/p2p-circuit/p2p/${peerId}`) ??
      withCerthash(multiaddrs, seat.keys.networkSeed),
    http: `http://${networkAddressOf(seat)}`,
  }
}

/** Writes each node's `config.json`. */
export async function writeNodeConfigs(
  layout: DevnetLayout,
  network: NetworkConfig,
  seats: readonly NodeSeat[],
  committee: Committee,
): Promise<NodeConfig[]> {
  return Promise.all(
    seats.map(async seat => {
      const { name, multiaddrs, http, metrics, over } = seat
      const member = memberOf(committee, seat)
      if (member === undefined) throw new Error(`node ${name} is not in the committee`)
      const config: NodeConfig = defined({
        schemaVersion: NODE_SCHEMA_VERSION,
        name: `node-${name}`,
        nodeId: member.nodeId,
        network: network.systemObjectId,
        networkFile: relative(layout.node(name).dir, layout.networkCopy),
        listen: [...multiaddrs],
        http: over === undefined ? httpAddress(http) : undefined,
        reach: over === undefined ? undefined : 'private',
        metrics: metrics && httpAddress(metrics),
      })
      await writeConfig(layout.node(name).config, config)
      return config
    }),
  )
}

export interface DevnetWallets {
  /** pays for the network's creation */
  admin: Wallet
  /** the user's and the gateway's */
  user: Wallet
}

/** Makes the keys of a network that is about to be made; throws KEY_MISSING when one of an existing network is gone. */
export async function loadWallets(layout: DevnetLayout, isNew: boolean): Promise<DevnetWallets> {
  const [admin, user] = await Promise.all([
    loadWallet(layout.adminKey, isNew),
    loadWallet(layout.userKey, isNew),
  ])
  return { admin, user }
}
