/**
 * Every number of libp2p and of what stands in front of it, each with its reason. A library's own default is nobody's
 * decision and changes with its versions: `satisfies Required<...>` holds that each option is in the table.
 */
import type { GossipsubOpts } from '@libp2p/gossipsub'
import type { IdentifyInit } from '@libp2p/identify'
import type { KadDHTInit } from '@libp2p/kad-dht'
import type { PingInit } from '@libp2p/ping'
import type { TCPOptions } from '@libp2p/tcp'
import type { YamuxMuxerInit } from '@libp2p/yamux'
import type { Libp2pInit } from 'libp2p'

const KIB = 1024
const MIB = 1024 * KIB
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

type Options<Init, NotLimits extends PropertyKey = never> = Required<Omit<NonNullable<Init>, NotLimits>>

/** Streams of a connection. */
export const MUXER = {
  // notices dead lines that TCP does not report
  enableKeepAlive: true,
  keepAliveInterval: 30_000,
  maxInboundStreams: 256, // 16 streams of each protocol and the services' own, with room
  maxOutboundStreams: 256,
  // streams that come while the connection is still being set up here: 10 by default, above which the whole connection is
  // aborted, and a client opens 48 at once. All that may be open may also be early
  maxEarlyStreams: 256,
  // the library does not read it: a message is as long as the window allows
  maxMessageSize: 64 * KIB,
  streamOptions: {
    initialStreamWindowSize: 256 * KIB, // the least that yamux knows
    // what arrives while a reader pauses is at most one window: it must fit the buffer, or the stream is reset
    maxStreamWindowSize: 2 * MIB,
    maxReadBufferLength: 4 * MIB,
    // our writers wait for the drain after 256 KiB; what a library writes without waiting is reset above this
    maxWriteBufferLength: 8 * MIB,
    inactivityTimeout: 2 * MINUTE_MS, // above the minute after which a server drops an idle stream
  },
} as const satisfies Options<YamuxMuxerInit> & {
  streamOptions: Options<YamuxMuxerInit['streamOptions']>
}

/** Of a relay's streams: what it holds of a circuit that is paused, in each direction, with one message. */
export const RELAY_WINDOW_BYTES = 512 * KIB

/** What a peer may send of the multiplexer's own frames, before the library reads them. */
export const MUXER_FRAMES = {
  // a frame is collected whole before its window is looked at, and says up to 4 GiB
  maxDataBytes: MUXER.streamOptions.maxStreamWindowSize,
  // each opens a stream, which costs a millisecond; 48 at once and as many again are honest
  openBurst: 1_000,
  openPerSecond: 200,
  // of all connections of a stranger's address together
  addressOpenBurst: 4_000, // a devnet's clients, an office behind one address
  addressOpenPerSecond: 400,
  // each is answered, whether or not the sender reads; the library sends one in 30 s
  pingBurst: 20,
  pingPerSecond: 1,
} as const

export const SOCKET = {
  // longer than the longest idle time of a stream, so that idle connections end by decision and not by accident
  inboundSocketInactivityTimeout: 5 * MINUTE_MS,
  outboundSocketInactivityTimeout: 5 * MINUTE_MS,
  maxConnections: 2_000, // sockets of a listener; whose they are is decided by ADMISSION
  backlog: 511, // what the kernel keeps ready for us, as Node's own servers
  dialOpts: {
    noDelay: true, // small requests must not wait for acknowledgements
    keepAlive: true,
    keepAliveInitialDelay: MINUTE_MS,
    allowHalfOpen: false,
  },
  listenOpts: { noDelay: true, keepAlive: true, keepAliveInitialDelay: MINUTE_MS, allowHalfOpen: false },
} as const satisfies Options<TCPOptions, 'closeServerOnMaxConnections'>

/** Of the WebSockets by which pages come. */
export const WEB_SOCKET = {
  // sent at a time: as much as noise makes of one message
  messageBytes: 64 * KIB,
  // taken: a message is collected whole before anybody looks at it, and a page's are as long as noise's
  maxMessageBytes: 256 * KIB,
  maxHeaderBytes: 16 * KIB, // of the request that asks for one: a browser sends cookies of the same host along
  // requests and TLS handshakes that are awaited, before ADMISSION hears of a connection: its numbers
  pending: 256,
  pendingPerAddress: 128,
} as const

/** Of WebRTC, by which pages come without a certificate that anybody has signed for. */
export const WEB_RTC = {
  messageBytes: 16 * KIB, // what every implementation takes; a longer one is nobody's
  // of a channel, waiting to be sent: what a line of 100 Mbit/s and 40 ms has on its way
  bufferedBytes: 512 * KIB,
  drainedBytes: 128 * KIB,
  // what a reader that has paused is sent all the same: WebRTC has no way to make a sender wait. Who serves pages reads their
  // requests and no more; a page reads slivers
  servedReadBytes: 256 * KIB,
  dialledReadBytes: 8 * MIB,
  finAckMs: 5_000, // how long the other side may take to have it all
  // handshakes under way; packets say of themselves where they come from, so that they are few
  pending: 64,
  pendingPerAddress: 16,
  // begun by all together: each costs a native connection of some 100 KiB and 3 ms
  burst: 100,
  perSecond: 20,
  burstPerAddress: 40,
  perSecondPerAddress: 4,
  // open ones: native buffers are outside of the heap, 2 MiB each at most
  connections: 256,
  connectionsPerAddress: 32,
  remembered: 10_000, // addresses whose rate is remembered
} as const

/** Of a relay, which is to run in 256 MiB. */
export const RELAY_WEB_RTC = { ...WEB_RTC, pending: 32, connections: 64, connectionsPerAddress: 16 } as const

/** How long a handshake may take, both sides' work and the network's; a busy node needs most of a second. */
const HANDSHAKE_MS = 5_000

/** libp2p's own limits look at no address, so that one peer uses them up: they are backstops behind ADMISSION. */
export const CONNECTIONS = {
  maxConnections: 2_000,
  maxIncomingPendingConnections: 512, // twice ADMISSION's
  inboundConnectionThreshold: 1_000, // per second and host; ADMISSION counts, too
  inboundUpgradeTimeout: HANDSHAKE_MS,
  inboundStreamProtocolNegotiationTimeout: 5_000, // as long as our clients wait for it
  outboundStreamProtocolNegotiationTimeout: 5_000,
  connectionCloseTimeout: 1_000, // then it is cut
  maxParallelDials: 100,
  maxDialQueueLength: 500, // dials of a committee of 100, five times over
  maxPeerAddrsToDial: 8, // a node has one address or two of each kind; more is somebody else's word
  addressDialTimeout: 4_000, // below the client's limit for a whole dial, so that a second address has its chance
  dialTimeout: 10_000,
  // peers that the DHT wants to keep: the mesh dials again by itself
  reconnectRetries: 2,
  reconnectRetryInterval: 1_000,
  reconnectBackoffFactor: 2,
  maxParallelReconnects: 5,
} as const satisfies Options<
  Libp2pInit['connectionManager'],
  'addressSorter' | 'resolvers' | 'allow' | 'deny'
>

/**
 * Which peers are let in. Members of the committee, once their PeerId is proved, count by that only, and their places are theirs;
 * everybody else also by IP address (IPv6: /64), which costs something, where PeerIds do not.
 */
export const ADMISSION = {
  /** handshakes under way; then the oldest of the address with the most goes */
  pending: 256,
  /**
   * of one address, whose oldest goes first. More than its rate makes in the time of a handshake, so that an attacker does
   * not push out others behind its address; and connections that came at once while this node stood still find a place.
   */
  pendingPerAddress: 128,
  /** new connections of one address; a handshake costs some 5 ms, so that this is a tenth of a core */
  burstPerAddress: 200, // a devnet's clients, an office behind one address
  perSecondPerAddress: 20,
  /** open ones of strangers: 64 KiB each at least, and a few hundred readers */
  strangers: 800,
  strangersPerAddress: 128,
  /** of one peer, member or not: it has one; two when both dial at once, or more after its network changed */
  perPeer: 8,
  /** addresses whose rate is remembered; the longest unused go first */
  remembered: 10_000,
} as const

/** Of a node behind a router, whose table of connections is small: the same kinds as above. */
export const HOME = {
  maxConnections: 64,
  /** the rest is for members and relays; the longest idle stranger makes way */
  strangers: 40,
} as const

/** Dials of our own, which go past libp2p's queue: staggered, so that a dead address costs a moment and not its time limit. */
export const DIALS = {
  /** handshakes at a time, over all peers: a home router's table is small */
  node: 16,
  page: 8, // browsers open few sockets to many hosts at a time
  /** a dial that has not come to anything by then no longer counts: a third of a committee that is gone would hold up the rest */
  slotMs: 1_000,
  /** between the starts of two addresses of one peer: what a handshake takes on a good line */
  staggerMs: 250,
  /** one direct address; a reader rather asks another peer after that */
  directMs: 5_000,
  /** one over a relay, which dials as well */
  relayedMs: 10_000,
  /** others are asked where the peer is when it has not answered at the last of its addresses for so long */
  findAfterMs: 1_000,
} as const

/** Pings that tell whether a peer is still there. */
export const MONITOR = {
  pingInterval: MINUTE_MS,
  abortConnectionOnPingFailure: true,
  pingTimeout: {
    // 5 s by default: a ping waits behind the data of its connection, and a home line needs longer for the 16 MiB that
    // eight streams may have in their windows; a peer that is gone is noticed by the time limits of its requests
    minTimeout: 30_000,
    maxTimeout: MINUTE_MS,
    interval: 5_000,
    timeoutMultiplier: 1.2,
    failureMultiplier: 2,
  },
} as const satisfies Options<Libp2pInit['connectionMonitor'], 'enabled' | 'protocolPrefix'>

/** What is remembered of peers, in memory. Strangers are forgotten when they leave. */
export const PEER_STORE = {
  maxAddressAge: HOUR_MS,
  maxPeerAge: 6 * HOUR_MS,
} as const satisfies Options<Libp2pInit['peerStore'], 'addressFilter'>

/** What others say that our address is: nothing builds on it. */
export const OBSERVED_ADDRESSES = {
  maxObservedAddresses: 10,
  addressVerificationTTL: 10 * MINUTE_MS,
  addressVerificationRetry: 5 * MINUTE_MS,
} as const satisfies Options<
  Libp2pInit['addresses'],
  'announceFilter' | 'listen' | 'announce' | 'noAnnounce' | 'appendAnnounce'
>

export const IDENTIFY = {
  timeout: 5_000,
  maxMessageSize: 8 * KIB, // a key, a dozen addresses, a dozen protocols
  maxInboundStreams: 1,
  maxOutboundStreams: 1,
  maxObservedAddresses: OBSERVED_ADDRESSES.maxObservedAddresses,
} as const satisfies Options<
  IdentifyInit,
  'agentVersion' | 'protocolPrefix' | 'runOnConnectionOpen' | 'runOnLimitedConnection'
>

export const PING = {
  timeout: 10_000,
  maxInboundStreams: 2,
  maxOutboundStreams: 1,
} as const satisfies Options<PingInit, 'protocolPrefix' | 'runOnLimitedConnection'>

/**
 * When a node first looks for its neighbours in the DHT, which makes it dial all of them. One second after the start, as
 * is the default, nodes that start together did 2 s of handshakes just when the first blob came.
 */
export const firstSelfQueryMs = (random: () => number): number => (1 + 4 * random()) * MINUTE_MS

const DHT_TIMEOUT = {
  minTimeout: 5_000,
  maxTimeout: 10_000,
  interval: 5_000,
  timeoutMultiplier: 1.2,
  failureMultiplier: 2,
} as const
const DHT_PING = { ...DHT_TIMEOUT, minTimeout: 2_000 } as const

/** The DHT finds members whose addresses changed, and nothing else: no values, no providers. */
export const DHT = {
  kBucketSize: 20,
  kBucketSplitThreshold: 20,
  prefixLength: 6, // 64 buckets: 1,280 peers, above the 1,000 that a committee may have
  alpha: 3, // peers asked at a time, as in Kademlia's paper; 10 by default is most of a committee
  disjointPaths: 3,
  routingTableUpdateQueueConcurrency: 4,
  routingTableUpdateMaxQueueSize: 256,
  querySelfInterval: 5 * MINUTE_MS,
  pingOldContactTimeout: DHT_PING,
  pingOldContactConcurrency: 4,
  pingOldContactMaxQueueSize: 100,
  pingNewContactTimeout: DHT_PING,
  pingNewContactConcurrency: 4,
  pingNewContactMaxQueueSize: 100,
  maxInboundStreams: 4, // a lookup asks each peer once
  maxOutboundStreams: 8,
  networkDialTimeout: DHT_TIMEOUT,
  onPeerConnectTimeout: 10_000,
  incomingMessageTimeout: 5_000,
  // nothing is stored (DHT_MESSAGES lets no record in); were it, this bounds it
  providers: { cacheSize: 1, cleanupInterval: 3_600, provideValidity: 3_600 },
  reprovide: {
    concurrency: 1,
    maxQueueSize: 16,
    threshold: HOUR_MS,
    interval: HOUR_MS,
    validity: 2 * HOUR_MS,
  },
} as const satisfies Options<
  KadDHTInit,
  | 'clientMode'
  | 'selectors'
  | 'validators'
  | 'initialQuerySelfInterval'
  | 'allowQueryWithZeroPeers'
  | 'protocol'
  | 'logPrefix'
  | 'datastorePrefix'
  | 'metricsPrefix'
  | 'peerInfoMapper'
>

/** What a DHT stream may carry, looked at before the library decodes it. */
export const DHT_MESSAGES = {
  maxRequestBytes: 256, // a type and a key of 38 bytes (the hash of a PeerId), with room
  maxResponseBytes: 64 * KIB, // 20 peers with eight addresses of 200 bytes
  memberBurst: 200, // a member that looks up its whole committee
  memberPerSecond: 20,
  addressBurst: 40, // of strangers, whose only use is to find the network
  addressPerSecond: 1,
} as const

/** Gossip: what neighbours may send us. Only members are neighbours. */
export const GOSSIP = {
  maxInboundStreams: 2, // one, and the one that replaces it
  maxOutboundStreams: 2,
  maxInboundDataLength: 256 * KIB, // one RPC; ours carry messages of at most 16 KiB and control data
  maxOutboundBufferSize: 4 * MIB, // a neighbour that does not read is dropped rather than buffered for
  maxTopicBytesPerPeer: 4 * KIB, // there are three topics, and the library counts 1 KiB for each and its name
  messageProcessingConcurrency: 10,
  decodeRpcLimits: {
    maxSubscriptions: 8, // there are three topics
    maxMessages: 256, // of the 200 that a member may publish in a row
    maxControlMessages: 16, // one of each kind and topic, with some room
    maxIhaveMessageIDs: 5_000, // what the library may send of the last seconds
    maxIwantMessageIDs: 5_000,
    maxIdontwantMessageIDs: 512,
    maxPeerInfos: 0, // nobody exchanges peers
  },
  // the mesh's shape: gossipsub's own numbers
  D: 6,
  Dlo: 4,
  Dhi: 12,
  Dscore: 4,
  Dout: 2,
  Dlazy: 6,
  gossipFactor: 0.25,
  heartbeatInterval: 1_000,
  fanoutTTL: MINUTE_MS,
  mcacheLength: 5,
  mcacheGossip: 3,
  seenTTL: 2 * MINUTE_MS,
  gossipsubIWantFollowupMs: 3_000,
  idontwantMinDataSize: 512,
  idontwantMaxMessages: 512,
  prunePeers: 0,
  pruneBackoff: MINUTE_MS,
  unsubcribeBackoff: 10_000,
  graftFloodThreshold: 10_000,
  opportunisticGraftPeers: 2,
  opportunisticGraftTicks: 60,
  directConnectTicks: 300,
  scoreThresholds: {
    gossipThreshold: -10,
    publishThreshold: -50,
    graylistThreshold: -80, // nine rejected messages in a row; a neighbour below it is hung up on
    acceptPXThreshold: 1e9, // nobody's list of peers is dialled
    opportunisticGraftThreshold: 20,
  },
} as const satisfies Options<
  Partial<GossipsubOpts>,
  // what is no limit, or is set where it is used
  | 'allowedTopics'
  | 'allowPublishToZeroTopicPeers'
  | 'awaitRpcHandler'
  | 'awaitRpcMessageHandler'
  | 'asyncValidation'
  | 'batchPublish'
  | 'canRelayMessage'
  | 'dataTransform'
  | 'debugName'
  | 'directPeers'
  | 'doPX'
  | 'emitSelf'
  | 'fallbackToFloodsub'
  | 'fastMsgIdFn'
  | 'floodPublish'
  | 'globalSignaturePolicy'
  | 'ignoreDuplicatePublishError'
  | 'messageCache'
  | 'metricsRegister'
  | 'metricsTopicStrToLabel'
  | 'msgIdFn'
  | 'msgIdToStrFn'
  | 'protocols'
  | 'runOnLimitedConnection'
  | 'scoreParams'
  | 'tagMeshPeers'
>

/** What a neighbour's gossip stream may carry, counted before the library decodes it. */
export const GOSSIP_STREAM = {
  // RPCs: certificates that it passes on, of all members, and a heartbeat a second
  burst: 1_000,
  perSecond: 200,
  burstBytes: 4 * MIB,
  bytesPerSecond: 512 * KIB,
  /** of messages that it should not have passed on (a stranger's, too large): so many, then one in ten seconds */
  faultBurst: 100, // a committee that it knows and we do not yet
  faultsPerSecond: 0.1,
} as const
