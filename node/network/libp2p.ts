import type { GossipSub } from '@libp2p/gossipsub'
import type { Identify } from '@libp2p/identify'
import type { Connection, ConnectionGater, Libp2p, PeerId, ServiceMap } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import type { Ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type ServiceFactoryMap } from 'libp2p'
import type { Log } from '../../base/log.ts'
import { createRates } from '../../base/rates.ts'
import type { ObjectId } from '../../codec/types.ts'
import { addressOf } from '../../protocols/index.ts'
import type { Refusals } from '../refusals.ts'
import { type Admission, createAdmission } from './admission.ts'
import { type BoundedYamux, boundedYamux } from './bounded-yamux.ts'
import { createHangUp } from './hang-up.ts'
import type { KnowsPeer } from './identify.ts'
import {
  ADMISSION,
  CONNECTIONS,
  MONITOR,
  MUXER_FRAMES,
  OBSERVED_ADDRESSES,
  PEER_STORE,
  SOCKET,
} from './limits.ts'
import { noiseCrypto } from './noise-crypto.ts'
import { networkKeyFromSeed } from './peer-id.ts'
import { quietLogger } from './quiet-logger.ts'
import { type NetworkRole, roleTraits } from './roles.ts'
import type { ServiceInit } from './service-init.ts'
import { tuneV8 } from './tune-v8.ts'

export interface NetworkServices extends ServiceMap {
  identify: Identify
  ping: Ping
  dht: KadDHT
  pubsub: GossipSub
}

/** Services are there for storage nodes only: a pure client needs none to ask peers whose addresses it has. */
export type NetworkNode = Libp2p<Partial<NetworkServices>> & {
  /** A request of the peer is under way: its connection stays, however many others want its place. */
  serving(connection: Pick<Connection, 'remoteAddr'>): () => void
  /** The committee has changed: takes into gossip and DHT who is a member now. */
  membersChanged(): void
}

export interface NetworkNodeOptions {
  /** 32-byte Ed25519 seed of the network key; a key for this process only when absent */
  privateKey?: Uint8Array
  /** multiaddrs to listen on; only storage nodes listen */
  listen?: readonly string[]
  /** multiaddrs to tell others instead of those that are listened on */
  announce?: readonly string[]
  /** system object ID */
  network: ObjectId
  roles: readonly NetworkRole[]
  /** members of the committee: places are kept for them, and only they gossip and are in the DHT; everyone when absent */
  isKnown?: KnowsPeer
  /** told of what limits refuse */
  refusals?: Pick<Refusals, 'refused'>
  log: Log
}

/** NetworkNode says that they may be missing. */
const NO_SERVICES = {} as ServiceFactoryMap<NetworkServices>

/** A libp2p node for its roles, started. `stop()` it; it cannot be started again. */
export async function createNetworkNode(options: NetworkNodeOptions): Promise<NetworkNode> {
  const { privateKey, listen = [], announce = [], network, roles, isKnown = () => true, log } = options
  const { refusals = { refused: () => undefined } } = options
  const { listens, meshes, shortLived } = roleTraits(roles)
  tuneV8()
  const secure = noise({ crypto: noiseCrypto() })
  const admission = createAdmission({
    isMember: isKnown,
    refused: reason => refusals.refused('connections', reason),
  })
  const muxer = boundedYamux(reason => refusals.refused('connections', reason))
  const changed: (() => void)[] = []
  const services: ServiceInit = {
    isMember: isKnown,
    refusals,
    hangUp: createHangUp(() => refusals.refused('connections', 'hostile')),
    onMembersChanged: listener => void changed.push(listener),
  }
  const node = await createLibp2p<NetworkServices>({
    ...(privateKey === undefined ? {} : { privateKey: await networkKeyFromSeed(privateKey) }),
    addresses: { listen: listens ? [...listen] : [], announce: [...announce], ...OBSERVED_ADDRESSES },
    transports: [tcp(SOCKET)],
    connectionEncrypters: shortLived ? [secure] : [await lazyTls(), secure],
    streamMuxers: [muxer.factory],
    connectionManager: CONNECTIONS,
    connectionGater: withStreamLimit(admission.gater, muxer, isKnown),
    // a short-lived client notices a dead peer by the time limit of its request
    connectionMonitor: { enabled: !shortLived, ...MONITOR },
    // who is no member is never dialled by what is known of it
    peerStore: { ...PEER_STORE, addressFilter: peer => isKnown(peer.toString()) },
    services: meshes ? await meshServices(network, services) : NO_SERVICES,
    nodeInfo: { userAgent: 'floe' },
    ...quietLogger(),
  })
  if (listens) forgetStrangers(node, isKnown)
  const addresses = node.getMultiaddrs().map(String)
  log.debug({ peer: node.peerId.toString(), addresses, roles }, 'network node started')
  return Object.assign(node, {
    serving: admission.serving,
    membersChanged() {
      for (const listener of changed) listener()
    },
  })
}

/** Counts the streams of all connections that come from one address together, but for members'. */
function withStreamLimit(
  gater: Admission['gater'],
  muxer: BoundedYamux,
  isKnown: KnowsPeer,
): ConnectionGater {
  const opens = createRates({
    burst: MUXER_FRAMES.addressOpenBurst,
    perSecond: MUXER_FRAMES.addressOpenPerSecond,
    remembered: ADMISSION.remembered,
  })
  return {
    ...gater,
    denyInboundUpgradedConnection(peer, connection) {
      const address = addressOf(connection.remoteAddr)
      if (!isKnown(peer.toString())) muxer.limitLast(() => opens.tryTake(address))
      return gater.denyInboundUpgradedConnection(peer, connection)
    },
  }
}

/** After libp2p's own parts have heard that somebody has gone: they look up there what to do about it. */
const FORGET_AFTER_MS = 1_000

/** libp2p remembers everyone who ever spoke to it for six hours, and PeerIds cost nothing. */
function forgetStrangers(node: Libp2p, isKnown: KnowsPeer): void {
  const forget = (peer: PeerId): void => {
    if (isKnown(peer.toString()) || node.getConnections(peer).length > 0) return
    node.peerStore.delete(peer).catch(() => undefined)
  }
  node.addEventListener('peer:disconnect', ({ detail: peer }) => {
    setTimeout(forget, FORGET_AFTER_MS, peer).unref()
  })
}

/**
 * Both move bytes equally fast (`npm run bench -- streams`), but TLS's handshake takes twice as long as noise's, and loading
 * it takes a tenth of a second, mostly for X.509. So one-command clients go without it (every node speaks both).
 */
async function lazyTls() {
  const { tls } = await import('@libp2p/tls')
  return tls()
}

/** Loaded only where it is used, so that a client starts without it. */
async function meshServices(
  network: ObjectId,
  init: ServiceInit,
): Promise<ServiceFactoryMap<NetworkServices>> {
  const { createMeshServices } = await import('./mesh-services.ts')
  return createMeshServices(network, init)
}
