/**
 * A chain outside, with a network whose nodes are all private: it is made before any of them runs. Its arguments: the folder
 * that it is to be in, and how many nodes there are.
 */
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { createCloseStack } from '../../../base/close-stack.ts'
import { silentLog } from '../../../base/log.ts'
import { createCoordinator } from '../../../chain/index.ts'
import { startLocalnet } from '../../../chain/localnet/index.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { writeConfig } from '../../../node/config.ts'
import { createNetworkOn } from '../../../node/devnet/create-network.ts'
import { devnetLayout } from '../../../node/devnet/layout.ts'
import { loadWallets, peerOf, seatNodes, writeNodeConfigs } from '../../../node/devnet/provision.ts'
import { networkPublicKeyFromSeed, peerIdFromNetworkKey } from '../../../node/network/peer-id.ts'
import { relayFolder } from '../../../node/relay/folder.ts'
import { loadNetworkSeed } from '../../../node/secret-file.ts'
import { OUTSIDE, OUTSIDE_V6 } from './networks.ts'
import { obey } from './obey.ts'

/** Where what is of the network, for whoever runs its nodes, relays and clients. */
export interface LabNetwork {
  /** file of the network */
  network: string
  /** of the wallet that pays */
  wallet: string
  /** the nodes' folders, and who they are */
  nodes: { dir: string; peerId: string }[]
  relays: { dir: string; host: string; addresses: string[]; peerId: string }[]
}

const SHARDS = 100
/** where relays listen */
const RELAY_PORTS = { libp2p: 4001, http: 4080 } as const

const [dir = '', nodes = ''] = process.argv.slice(2)
const common = { log: silentLog(), clock: systemClock, random: Math.random }
const layout = devnetLayout(dir)

async function relayAt(which: keyof typeof OUTSIDE_V6) {
  const host = OUTSIDE[which]
  const folder = relayFolder(join(dir, `relay-${host}`))
  const key = await networkPublicKeyFromSeed(await loadNetworkSeed(folder.key))
  const peerId = peerIdFromNetworkKey(key).toString()
  return {
    dir: folder.dir,
    host,
    peerId,
    addresses: [`/ip4/${host}`, `/ip6/${OUTSIDE_V6[which]}`].map(
      ip => `${ip}/tcp/${RELAY_PORTS.libp2p}/p2p/${peerId}`,
    ),
    http: `${host}:${RELAY_PORTS.http}`,
  }
}

/** held until the process ends, as all of it */
const held = createCloseStack(silentLog())

async function make(): Promise<LabNetwork> {
  const host = OUTSIDE.public
  const localnet = await startLocalnet({ dir: layout.localnet, host })
  const relays = await Promise.all((['relay', 'relay2'] as const).map(relayAt))
  const addresses = relays.flatMap(one => one.addresses)
  const seats = await seatNodes(layout, Number(nodes), host, undefined, held)
  for (const [i, seat] of seats.entries()) {
    seat.over = { multiaddrs: addresses, http: relays[i % relays.length]!.http }
  }
  const wallets = await loadWallets(layout, true)
  const made = { localnet, wallets, seats, shards: SHARDS, contractVersion: undefined, ...common }
  const network: NetworkConfig = {
    ...(await createNetworkOn(made)),
    // a localnet's nodes may be at private addresses, which others never dial
    kind: 'testnet',
    suiRpc: [localnet.url],
    faucet: localnet.faucetUrl,
    relays: addresses,
    peers: seats.map(peerOf),
    nShards: SHARDS,
  }
  const coordinator = createCoordinator(network, common)
  const { current } = await coordinator.committees()
  await coordinator.close()
  await writeConfig(layout.network, network)
  await writeConfig(layout.networkCopy, network)
  await writeNodeConfigs(layout, network, seats, current)
  return {
    network: layout.network,
    wallet: layout.userKey,
    nodes: seats.map((seat, i) => ({
      dir: layout.node(seat.name).dir,
      peerId: network.peers[i]!.peerId,
    })),
    relays: relays.map(({ http: _, ...relay }) => relay),
  }
}

const making = make()
obey(() => making)
