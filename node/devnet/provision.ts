import type { Committee, CommitteeMember, FullCoordinator, NetworkConfig, Wallet } from '../../chain/types.ts'
import type { ObjectId } from '../../codec/types.ts'
import { readNodeConfig, writeConfig } from '../config.ts'
import { loadNodeKeys, loadWallet, type NodeKeys } from '../keys.ts'
import { DevnetError } from './errors.ts'
import { readNetwork, unlessLost } from './folder.ts'
import { type DevnetLayout, nodeName } from './layout.ts'
import { choosePorts, httpAddress } from './ports.ts'

/** What is on disk of a devnet that was set up to the end. */
export interface ExistingDevnet {
  network: NetworkConfig
  /** undefined where a node's config is gone or damaged: it is written anew at each start */
  nodes: ({ name: string; nodeId: ObjectId; listen: string[]; http?: string } | undefined)[]
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
    const config = await unlessLost(readNodeConfig(layout.node(nodeName(i)).config))
    return config && { ...config, nodeId: config.nodeId as ObjectId }
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
  /** the one address that it listens on */
  multiaddr: string
  /** of its HTTP face */
  http: { host: string; port: number }
}

/** Keys and an address for each node; the addresses of the last run where they are free. */
export async function seatNodes(
  layout: DevnetLayout,
  nodes: number,
  host: string,
  existing: ExistingDevnet | undefined,
): Promise<NodeSeat[]> {
  const names = Array.from({ length: nodes }, (_, i) => nodeName(i))
  // a network that exists knows its nodes by their keys
  const mayCreate = existing === undefined
  const [ports, keys] = await Promise.all([
    choosePorts(host, [
      ...names.map((_, i) => portOf(existing?.nodes[i]?.listen[0])),
      ...names.map((_, i) => portOf(existing?.nodes[i]?.http)),
    ]),
    Promise.all(names.map(name => loadNodeKeys(layout.node(name).keys, mayCreate))),
  ])
  return names.map((name, i) => ({
    name,
    nodeId: existing?.nodes[i]?.nodeId,
    keys: keys[i]!,
    multiaddr: `/ip4/${host}/tcp/${ports[i]}`,
    http: { host, port: ports[nodes + i]! },
  }))
}

/** Tells the chain where HTTP faces are that found their earlier port taken: clients look for them there only. */
export async function announceHttp(
  chain: Pick<FullCoordinator, 'operator'>,
  seats: readonly NodeSeat[],
  committee: Committee,
): Promise<void> {
  const moved = seats.filter(seat => {
    const known = memberOf(committee, seat)?.networkAddress
    return known !== undefined && known !== httpAddress(seat.http)
  })
  await Promise.all(
    moved.map(({ keys, http }) => chain.operator(keys.wallet).setNetworkAddress(httpAddress(http))),
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

/** Writes each node's `config.json`. */
export async function writeNodeConfigs(
  layout: DevnetLayout,
  network: NetworkConfig,
  seats: readonly NodeSeat[],
  committee: Committee,
): Promise<ObjectId[]> {
  return Promise.all(
    seats.map(async seat => {
      const { name, multiaddr, http } = seat
      const member = memberOf(committee, seat)
      if (member === undefined) throw new Error(`node ${name} is not in the committee`)
      await writeConfig(layout.node(name).config, {
        schemaVersion: 1,
        name,
        nodeId: member.nodeId,
        network: network.systemObjectId,
        listen: [multiaddr],
        http: httpAddress(http),
      })
      return member.nodeId
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
