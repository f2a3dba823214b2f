import { setFlagsFromString } from 'node:v8'
import type { GossipSub } from '@libp2p/gossipsub'
import type { Identify } from '@libp2p/identify'
import type { Connection, ConnectionGater, Libp2p, PeerId, ServiceMap } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import type { Ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type ServiceFactoryMap } from 'libp2p'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { createRates } from '../../base/rates.ts'
import { expectUntaken } from '../../base/try-port.ts'
import type { ObjectId } from '../../codec/types.ts'
import { addressOf } from '../../protocols/index.ts'
import type { RefusalReason, Refusals } from '../refusals.ts'
import { type Admission, createAdmission } from './admission.ts'
import { type BoundedYamux, boundedYamux } from './bounded-yamux.ts'
import { type CircuitTransport, createCircuitTransport } from './circuit/transport.ts'
import type { KnowsPeer } from './identify.ts'
import {
  ADMISSION,
  CONNECTIONS,
  HOME,
  MONITOR,
  MUXER_FRAMES,
  OBSERVED_ADDRESSES,
  PEER_STORE,
  RELAY_WEB_RTC,
  RELAY_WINDOW_BYTES,
  SOCKET,
  WEB_RTC,
} from './limits.ts'
import { noiseCrypto } from './noise-crypto.ts'
import { trustOwnAddresses } from './own-addresses.ts'
import { leadsInside, publicLookup } from './paths/private-places.ts'
import { networkKeyFromSeed } from './peer-id.ts'
import { quietLogger } from './quiet-logger.ts'
import { type NetworkRole, roleTraits } from './roles.ts'
import type { ServiceInit } from './service-init.ts'
import { isWebRtcDirect } from './web-rtc/kinds.ts'
import type { StreamJudge } from './web-rtc/muxer.ts'
import { isWebSocket } from './web-socket/kinds.ts'
import type { TlsCertificate } from './web-socket/listening.ts'

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
  /** its connections over relays: who keeps reservations tells it of them */
  readonly circuits: Omit<CircuitTransport, 'factory'>
  /** From now on it has as many connections as a home's router bears, or as any node. */
  setHome(isHome: boolean): void
  /** The committee has changed: takes those into gossip and DHT that are members now. */
  membersChanged(): void
}

export interface NetworkNodeOptions {
  /** 32-byte Ed25519 seed of the network key; a key for this process only when absent */
  privateKey?: Uint8Array
  /** multiaddrs to listen on, CIRCUIT_LISTEN for calls over relays; only storage nodes and relays listen */
  listen?: readonly string[]
  /** of those among them that end in `/tls/ws` */
  tls?: TlsCertificate | undefined
  /** multiaddrs to tell others instead of those that are listened on */
  announce?: readonly string[]
  /** system object ID; of those that take part in gossip and the DHT */
  network?: ObjectId
  roles: readonly NetworkRole[]
  /** behind a router: it has few connections, from now on or by `setHome` */
  isHome?: boolean
  /** The network is in private addresses, as a devnet is; elsewhere none is dialled. So when absent. */
  isPrivate?: boolean
  /** members of the committee: places are kept for them, and only they gossip and are in the DHT; everyone when absent */
  isKnown?: KnowsPeer
  /** told of what limits refuse */
  refusals?: Pick<Refusals, 'refused'>
  log: Log
  clock: Clock
  random: () => number
}

/** Names that others say lead out of here, as addresses do. */
const SOCKET_OUTSIDE = { ...SOCKET, dialOpts: { ...SOCKET.dialOpts, lookup: publicLookup() } }

/** NetworkNode says that they may be missing. */
const NO_SERVICES = {} as ServiceFactoryMap<NetworkServices>

/** A libp2p node for its roles, started. `stop()` it; it cannot be started again. Throws node's EADDRINUSE, and libp2p's errors. */
export async function createNetworkNode(options: NetworkNodeOptions): Promise<NetworkNode> {
  const { privateKey, listen = [], announce = [], network, roles, isKnown = () => true, log, clock } = options
  const { refusals = { refused: () => undefined }, isHome = false, isPrivate = true } = options
  const { listens, meshes, relays, shortLived } = roleTraits(roles)
  if (listens) await expectPorts(listen)
  tuneV8()
  const secure = noise({ crypto: noiseCrypto() })
  const admission = createAdmission({
    isMember: isKnown,
    refused: reason => refusals.refused('connections', reason),
    clock,
  })
  const muxer = boundedYamux(
    reason => refusals.refused('connections', reason),
    clock,
    relays ? RELAY_WINDOW_BYTES : undefined,
  )
  const changed: (() => void)[] = []
  const circuits = createCircuitTransport(clock)
  const services: ServiceInit = {
    clock,
    random: options.random,
    isMember: isKnown,
    refusals,
    hangUp: createHangUp(() => refusals.refused('connections', 'hostile')),
    onMembersChanged: listener => void changed.push(listener),
  }
  const webRtc = listens && listen.some(isRtc) ? await lazyWebRtc(options, muxer.made) : undefined
  const listened = listen.filter(address => webRtc !== undefined || !isRtc(address))
  const node = await createLibp2p<NetworkServices>({
    privateKey: privateKey && (await networkKeyFromSeed(privateKey)),
    addresses: { listen: listens ? listened : [], announce: [...announce], ...OBSERVED_ADDRESSES },
    transports: [
      tcp(isPrivate ? SOCKET : SOCKET_OUTSIDE),
      circuits.factory as unknown as ReturnType<typeof tcp>,
      ...(listens && listen.some(isWeb) ? [await lazyWebSockets(options)] : []),
      ...(webRtc === undefined ? [] : [webRtc as unknown as ReturnType<typeof tcp>]),
    ],
    connectionEncrypters: shortLived ? [secure] : [await lazyTls(clock), secure],
    streamMuxers: [muxer.factory],
    connectionManager: CONNECTIONS,
    connectionGater: {
      ...withStreamLimit(admission.gater, muxer, isKnown, clock),
      denyDialMultiaddr: address => !isPrivate && leadsInside(address),
    },
    // a short-lived client notices a dead peer by the time limit of its request
    connectionMonitor: { enabled: !shortLived, ...MONITOR },
    // a peer that is no member is never dialled by what is known of it
    peerStore: { ...PEER_STORE, addressFilter: peer => isKnown(peer.toString()) },
    services: meshes || relays ? await servicesOf(network, services, meshes) : NO_SERVICES,
    nodeInfo: { userAgent: 'floe' },
    ...quietLogger(process.env),
  })
  if (listens) {
    trustOwnAddresses(node)
    forgetStrangers(node, isKnown, clock)
  }
  const setHome = (home: boolean): void => {
    admission.setStrangers(home ? HOME.strangers : ADMISSION.strangers)
    setMaxConnections(node, home ? HOME.maxConnections : CONNECTIONS.maxConnections)
  }
  setHome(isHome)
  const addresses = node.getMultiaddrs().map(String)
  log.debug({ peer: node.peerId.toString(), addresses, roles }, 'network node started')
  return Object.assign(node, {
    serving: admission.serving,
    circuits,
    setHome,
    membersChanged() {
      for (const listener of changed) listener()
    },
  })
}

/** Of libp2p's parts one that its interface leaves out. What is open stays; above the number libp2p closes what it needs least. */
function setMaxConnections(node: Libp2p, count: number): void {
  const { components } = node as unknown as {
    components: { connectionManager: { setMaxConnections(count: number): void } }
  }
  components.connectionManager.setMaxConnections(count)
}

/** Counts the streams of all connections that come from one address together, but for members'. */
function withStreamLimit(
  gater: Admission['gater'],
  muxer: BoundedYamux,
  isKnown: KnowsPeer,
  clock: Clock,
): ConnectionGater {
  const opens = createRates({
    burst: MUXER_FRAMES.addressOpenBurst,
    perSecond: MUXER_FRAMES.addressOpenPerSecond,
    remembered: ADMISSION.remembered,
    now: () => clock.monotonic(),
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
function forgetStrangers(node: Libp2p, isKnown: KnowsPeer, clock: Clock): void {
  const forget = (peer: PeerId): void => {
    if (isKnown(peer.toString()) || node.getConnections(peer).length > 0) return
    node.peerStore.delete(peer).catch(() => undefined)
  }
  node.addEventListener('peer:disconnect', ({ detail: peer }) => {
    clock.after(FORGET_AFTER_MS, () => forget(peer), { background: true })
  })
}

/** libp2p says of a port that is taken only in its text which it is. */
async function expectPorts(listen: readonly string[]): Promise<void> {
  for (const address of listen) {
    const parts = multiaddr(address).getComponents()
    const host = parts.find(({ name }) => name === 'ip4' || name === 'ip6')?.value
    const port = Number(parts.find(({ name }) => name === 'tcp')?.value ?? 0)
    if (host !== undefined && port !== 0) await expectUntaken(host, port)
  }
}

const isWeb = (address: string): boolean => isWebSocket(multiaddr(address))

/** Loaded only by those who serve pages. */
async function lazyWebSockets({ clock, log, refusals, tls }: NetworkNodeOptions) {
  const { webSocketListening } = await import('./web-socket/listening.ts')
  const refused = (reason: RefusalReason<'connections'>) => refusals?.refused('connections', reason)
  return webSocketListening({ clock, log, refused, tls })
}

const isRtc = (address: string): boolean => isWebRtcDirect(multiaddr(address))

/** Loaded only by those who serve pages; undefined where the machine has no such library, which is no reason not to be there. */
async function lazyWebRtc(
  { privateKey, roles, clock, log, refusals }: NetworkNodeOptions,
  made: (judge: StreamJudge) => void,
) {
  if (privateKey === undefined) return undefined
  try {
    const [{ default: native }, { webRtcListening }] = await Promise.all([
      import('node-datachannel'),
      import('./web-rtc/listening.ts'),
    ])
    // before anything else: the part of it that listens would print what strangers send it
    native.preload()
    const limits = roleTraits(roles).relays ? RELAY_WEB_RTC : WEB_RTC
    const refused = (reason: RefusalReason<'connections'>) => refusals?.refused('connections', reason)
    return webRtcListening({ native, networkSeed: privateKey, limits, clock, log, refused, made })
  } catch (err) {
    log.warn({ err }, 'pages do not reach this node by WebRTC: its library does not run on this machine')
    return undefined
  }
}

/**
 * TLS costs less than noise, by handshake and by byte (`npm run bench -- streams`), but loading it takes a tenth of a second, mostly
 * for X.509. So one-command clients go without it (every node speaks both).
 */
async function lazyTls(clock: Clock) {
  const { nodeTls } = await import('./tls.ts')
  return nodeTls(clock)
}

/** Loaded only where it is used, so that a client starts without it. */
async function servicesOf(
  network: ObjectId | undefined,
  init: ServiceInit,
  meshes: boolean,
): Promise<ServiceFactoryMap<NetworkServices>> {
  const services: Partial<ServiceFactoryMap<NetworkServices>> =
    meshes && network !== undefined
      ? (await import('./mesh-services.ts')).createMeshServices(network, init)
      : (await import('./relay-services.ts')).createRelayServices(init)
  // NetworkNode says that some may be missing
  return services as ServiceFactoryMap<NetworkServices>
}

/** Refusals on one connection after which it is hostile, and not only clumsy or early. */
const MAX_REFUSALS = 10

/** Counts what was refused on each connection, and cuts those off that go on. */
function createHangUp(cut: () => void): (connection: Connection) => void {
  const refusals = new WeakMap<Connection, number>()
  return connection => {
    const count = (refusals.get(connection) ?? 0) + 1
    refusals.set(connection, count)
    if (count < MAX_REFUSALS || connection.status !== 'open') return
    cut()
    connection.abort(new Error('too much of the connection was refused'))
  }
}

/** A quarter of V8's default. */
const NEW_SPACE_MB = 8

/**
 * Has V8 collect short-lived buffers sooner. After every 64 MiB of new buffers it marks its whole heap; a scavenge, which
 * is all that those of a network need, was due only at 128 MiB: an upload spent a third of all its CPU time on marking.
 * With this, scavenges come at 32 MiB (four times the setting), and take a millisecond or two. It holds for the process:
 * for nodes and clients alike, and harmless to anything else in it.
 */
function tuneV8(): void {
  // a later V8 may not know the flag, and would say so on stderr
  if (process.versions.v8.startsWith('13.')) {
    setFlagsFromString(`--scavenger-max-new-space-capacity-mb=${NEW_SPACE_MB}`)
  }
}
