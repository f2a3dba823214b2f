/**
 * The one table of limits. Each row is a protocol; a limit that is not here does not exist. Sizes are checked against it
 * before a byte is buffered, times bound every wait on a peer.
 */

const KIB = 1024
const MIB = 1024 * KIB

/** of symbols that 16 bits can number two bytes at a time */
export const LARGEST_SYMBOL_BYTES = 65_534
/** BCS of a primary sliver at n = 1000 with the largest symbol: 667 * 65,534 bytes, a length prefix, size and index. */
const LARGEST_SLIVER_BYTES = 667 * LARGEST_SYMBOL_BYTES + 8

/** What a source has for 1,000 targets: the largest symbol, and a path of 16 hashes with it. */
const LARGEST_CELL_BYTES = 1_000 * (LARGEST_SYMBOL_BYTES + 16 * 32)

/**
 * BCS of an inconsistency proof about a primary sliver at n = 1000: 667 of the largest symbols, each with its index, its length and
 * a path of up to 16 hashes.
 */
const LARGEST_PROOF_BYTES = 667 * (LARGEST_SYMBOL_BYTES + 6 + 16 * 33) + 8

export interface ProtocolSpec {
  id: string
  /** bytes of one request message, without bodies */
  maxRequestBytes: number
  /** bytes of one response message, without bodies */
  maxResponseBytes: number
  /** bytes of one body; 0 where there are none */
  maxBodyBytes: number
  /** from the request's last byte to the response's first */
  responseTimeoutMs: number
  /** each 256 KiB of a body: the slowest peer that is served moves 32 KiB/s */
  chunkTimeoutMs: number
  /** how long a stream may lie unused between requests */
  idleTimeoutMs: number
  /** open streams of one peer, counted over all its connections */
  streamsPerPeer: number
  /** why these numbers */
  reason: string
}

const CHUNK_TIMEOUT_MS = 8_000
/** Shorter on the client (see CLIENT_IDLE_MS), so that a stream is rarely reused just when the server drops it. */
const IDLE_TIMEOUT_MS = 60_000

/** The table of protocols: sizes in bytes, limits in ms, and the reason for each row. */
export const SPECS = {
  store: {
    id: '/floe/store/1.0.0',
    maxRequestBytes: 512 * KIB,
    maxResponseBytes: 64 * KIB,
    maxBodyBytes: LARGEST_SLIVER_BYTES,
    responseTimeoutMs: 30_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 16,
    reason:
      'Metadata is 64 bytes a shard: 512 KiB leave room for 8,000 shards. The wanted list has 3 bytes a sliver: 64 KiB hold ' +
      'all 2,000 slivers of a blob at n = 1000 tenfold. 30 s: the node may wait 10 s for its chain to show the registration, ' +
      'then fsync. 16 streams: a gateway uploads for several users at once.',
  },
  fetch: {
    id: '/floe/fetch/2.0.0',
    maxRequestBytes: 64 * KIB,
    maxResponseBytes: 4 * KIB,
    maxBodyBytes: LARGEST_SLIVER_BYTES,
    responseTimeoutMs: 10_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 16,
    reason:
      'A request names up to 1,480 slivers of 44 bytes each; answers carry one header per sliver. 10 s are a disk under ' +
      'load. A stream holds one piece of a sliver in memory at a time, so that slow readers hold little: 16 MiB of 16 streams.',
  },
  status: {
    id: '/floe/status/1.0.0',
    maxRequestBytes: 16 * KIB,
    maxResponseBytes: 512 * KIB,
    maxBodyBytes: 0,
    responseTimeoutMs: 15_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 16,
    reason:
      'The largest request is a certificate (2 bytes a signer), the largest response is metadata, as in store. 15 s: a ' +
      'certificate is checked by BLS and then on chain.',
  },
  'shard-sync': {
    id: '/floe/shard-sync/1.0.0',
    maxRequestBytes: 256,
    maxResponseBytes: 512 * KIB,
    maxBodyBytes: LARGEST_SLIVER_BYTES,
    responseTimeoutMs: 30_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 4,
    reason:
      'A request is one shard and a position. An answer may carry metadata, as in store. 30 s of silence and the shard is ' +
      'rebuilt from others. 4 streams: a node takes over two shards of one source at a time, and has others left for what ' +
      'it prepares.',
  },
  recover: {
    id: '/floe/recover/1.0.0',
    maxRequestBytes: 64 * KIB,
    maxResponseBytes: 16 * KIB,
    maxBodyBytes: LARGEST_CELL_BYTES,
    responseTimeoutMs: 30_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 4,
    reason:
      'A request names 1,000 blobs of 32 bytes, 1,000 shards of the asker and 1,000 of the server: 36 KB. An answer has 3 ' +
      'bytes a blob, or a bit for each of 16,384 cells. 30 s: a group of slivers is read and expanded before its answer. 4 ' +
      'streams: a node has two batches under way at each peer, and others left to look into what was wrong.',
  },
  inconsistency: {
    id: '/floe/inconsistency/1.0.0',
    maxRequestBytes: 512 * KIB,
    maxResponseBytes: 4 * KIB,
    maxBodyBytes: LARGEST_PROOF_BYTES,
    responseTimeoutMs: 60_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 2,
    reason:
      'A request carries metadata, as in store, so that a node that has none of the blob can judge; an answer is one signature. ' +
      'How long a proof may be follows from the metadata. 60 s: one proof is checked at a time, and the largest ones are 44 ' +
      'MB of hashes. 2 streams: a node tells of one blob at a time, and a new claim must not wait for a stream that lies idle.',
  },
  challenge: {
    id: '/floe/challenge/1.0.0',
    maxRequestBytes: 72 * KIB,
    maxResponseBytes: 512,
    maxBodyBytes: 0,
    responseTimeoutMs: 60_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 2,
    reason:
      'A proof has a piece of 16 KiB, or one symbol of 64 KiB, and up to 80 hashes. An answer is one signature. 60 s: a node looks ' +
      'for what is drawn among all its blobs before it answers. 2 streams: a node shows its proofs once in a round, and a second ' +
      'attempt must not wait for a stream that is just ending.',
  },
  snapshot: {
    id: '/floe/snapshot/1.0.0',
    maxRequestBytes: 64,
    maxResponseBytes: 72 * KIB,
    maxBodyBytes: 0,
    responseTimeoutMs: 15_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 2,
    reason:
      'A request is a digest and a number. A page has 64 KiB, one row more and a hash. 15 s are a disk under load. 2 streams: ' +
      'pages come one after the other, since each is proved by the one before; anybody may ask, as a newcomer is no member yet.',
  },
  peers: {
    id: '/floe/peers/1.0.0',
    maxRequestBytes: 16 * KIB,
    maxResponseBytes: 512 * KIB,
    maxBodyBytes: 0,
    responseTimeoutMs: 5_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 2,
    reason:
      'A request names up to 256 peers of 32 bytes, an answer has a record of at most 2 KiB for each. 5 s: both are in memory. 2 ' +
      'streams: whoever cannot find several peers asks for all of them at once.',
  },
  reach: {
    id: '/floe/reach/1.0.0',
    maxRequestBytes: 16,
    maxResponseBytes: 256,
    maxBodyBytes: 0,
    responseTimeoutMs: 25_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: 5_000,
    streamsPerPeer: 1,
    reason:
      'A request has up to four ports of 2 bytes, an answer an address and four answers. 25 s: a port that does not answer takes 5 ' +
      's, one after the other. 1 stream: a peer asks once an hour.',
  },
  punch: {
    id: '/floe/punch/1.0.0',
    maxRequestBytes: 256,
    maxResponseBytes: 256,
    maxBodyBytes: 0,
    responseTimeoutMs: 6_000,
    chunkTimeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    streamsPerPeer: 2,
    reason:
      'Eight addresses of 19 bytes. 6 s: before it answers, a peer asks two relays for 3 s each at the same time what its own ' +
      'address is. 5 s for a step that needs nothing but a round trip. 2 streams: one punch, and one that is just ending.',
  },
} as const satisfies Record<string, ProtocolSpec>

export type ProtocolName = keyof typeof SPECS

/**
 * Circuit relay v2, as every libp2p peer speaks it: no hello, frames of protobuf. What a relay grants is in
 * `node/relay/limits.ts`.
 */
export const CIRCUIT = {
  hop: '/libp2p/circuit/relay/0.2.0/hop',
  stop: '/libp2p/circuit/relay/0.2.0/stop',
  /** a PeerId, or 16 addresses of 200 bytes and a voucher; as much as libp2p's own implementations take */
  maxMessageBytes: 4 * KIB,
  /** from a stream's opening to the last word before the bytes of the circuit: the called peer's answer is in it */
  handshakeMs: 10_000,
  /** of one connection: all circuits of a private node come over the one to its relay */
  streams: 128,
} as const

/** A node's HTTP API over a stream, HTTP/1.1 as it is: served to relays on which the node has a reservation. */
export const HTTP = {
  id: '/floe/http/1.0.0',
  /** of one relay; each carries one request, and a relay passes 16 on at a time */
  streams: 32,
  /** until the stream is there; the API may wait longer before it answers */
  answerMs: 10_000,
  /** from the end of the request to the answer: the API waits for its chain, and checks one large proof after the other */
  headMs: 120_000,
  /** for the next piece to be taken, or to come, as of the API itself */
  stallMs: 30_000,
  /** a slower body is ended: each holds one of the few places that a relay has */
  minBytesPerSecond: KIB,
} as const

/** Hello, by both sides, before anything else on a stream. */
export const HELLO = {
  /** BCS of the versions' enum and 32 bytes; the rest is room for later versions */
  maxBytes: 256,
  /** one round trip on a bad line */
  timeoutMs: 10_000,
} as const

/** What the proofs of a challenge may take in all, by their number: each side gives up on a slower one. */
export const challengeLimitMs = (proofs: number): number =>
  SPECS.challenge.responseTimeoutMs + (proofs * 20 * KIB) / (32 * (KIB / 1000))

/** What a client waits for, and keeps. */
export const CLIENT = {
  /** negotiating one stream on an open connection */
  openTimeoutMs: 5_000,
  /** what is worth to wait for a direct connection beside a relayed one, and for how long */
  bulkBytes: 256 * KIB,
  directWaitMs: 1_500,
  /** how long an unused stream is kept for the next request: half of what servers grant */
  idleMs: 30_000,
} as const

/** What one peer may take of a node. Members of the committee count by PeerId, everybody else also by IP address. */
export interface PeerLimits {
  /** bytes of slivers that arrive, which the node holds for the peer, in memory or in files */
  bytesInFlight: number
  /** pieces of slivers that are sent, each SLIVER_PIECE_BYTES in memory */
  pieces: number
  bytesPerSecond: number
  /** bytes that may move at once after a pause */
  burstBytes: number
  /** attempts that failed through the peer's own fault, within the window */
  failures: number
  failureWindowMs: number
}

/** What peers may take of a node when nothing else is said. */
export const QUOTAS = {
  peer: {
    // one of the largest slivers that arrives, and smaller ones that are checked meanwhile
    bytesInFlight: 64 * MIB,
    // 16 MiB; more streams than that wait for each other
    pieces: 8,
    // what a 1 Gbit/s line carries: nobody is slowed down by it, but one peer cannot take a machine's whole memory bus
    bytesPerSecond: 128 * MIB,
    burstBytes: 256 * MIB,
    // an honest client fails by accident, not by the dozen; each failure may have cost a sliver's verification
    failures: 30,
    failureWindowMs: 60_000,
  },
  /**
   * PeerIds cost nothing, addresses do: a household or an office behind one address may move four times as much as a peer.
   * But it holds no more memory than one, or little more: a peer that takes or sends slowly holds it for long, and others must not wait.
   */
  address: {
    bytesInFlight: 64 * MIB,
    pieces: 8,
    bytesPerSecond: 512 * MIB,
    burstBytes: 1024 * MIB,
    failures: 120,
    failureWindowMs: 60_000,
  },
  /** bytes of arriving slivers for all peers together; with the pieces, what a node is given on a small machine */
  nodeBytesInFlight: 256 * MIB,
  /** 128 MiB: eight addresses that take nothing on any stream still leave nobody out for longer than a chunk's time limit */
  nodePieces: 64,
  /** a sliver is read through before it is sent: so many at a time, as more would only make the disk jump */
  diskReads: 8,
  /** peers and addresses that are remembered at most; the idle ones go first */
  accounts: 10_000,
} as const

/**
 * Answers of at most 256 KiB when the month's bytes are used up. Confirmations are beside them: they are a few hundred bytes, and
 * bounded by what uploads cost.
 */
export const SMALL_ANSWERS = {
  /** four of the largest in a row, then one a minute: small blobs can still be read, and what is left of a month is 10 GiB */
  account: { burstBytes: MIB, bytesPerSecond: 4 * KIB },
  /** all who are no members together: 40 GiB in a month that is used up on its first day, whatever the number of their addresses */
  strangers: { burstBytes: 16 * MIB, bytesPerSecond: 16 * KIB },
  /** accounts that are remembered; the longest unused go first */
  remembered: 10_000,
} as const

/** Symbols that one member may take of a node in an epoch: what its shards weigh as fast as it can, and then at a pace. */
export const RECOVER_SHARE = {
  // some of what was taken is lost with a connection, or asked for again with its proofs; and a young store holds next to nothing
  spareBytes: 64 * MIB,
  // 86 GiB a day, so that whoever has lost everything twice is whole again; and 100 members that ask without end take a line of 1 Gbit/s
  pacedBytesPerSecond: MIB,
} as const

/** Gossip: certificates of availability. */
export const CERTIFIED_TOPIC = {
  /** a certificate of 1,000 members is 2.2 KiB; gossipsub breaks silently above 64 KiB */
  maxBytes: 16 * KIB,
  /** certificates one member may publish in a row, and per second: a member speaks for the clients that hand theirs to it */
  burst: 200,
  perSecond: 50,
  /** certificates of one member that did not hold: so many in a row, then one a minute, are worth a check */
  faultBurst: 10,
  faultsPerSecond: 1 / 60,
  /** checks under way at once */
  pendingChecks: 64,
  /**
   * Checks of all members' messages together: each costs 7 to 25 ms of BLS on the one thread, so this is a quarter of it at most. What
   * is beyond is ignored: the chain tells the same a moment later.
   */
  checksPerSecond: 10,
  checkBurst: 100,
  /** certificates remembered to tell repeats: an hour at 10 a second is 36,000 */
  remembered: 50_000,
} as const

/**
 * Certificates that clients hand over. Each costs 5 to 25 ms of BLS on the one thread, so that what is cheap to know comes
 * first (is the blob registered, is it certified already), and then whose turn it is: a member's PeerId, anybody else's
 * address.
 */
export const CERTIFICATES = {
  /** checks of one account in a row, and per second: a gateway that stores small blobs all the time */
  burst: 40,
  perSecond: 4,
  /** certificates of one account that did not hold: so many in a row, then one a minute, are worth a check */
  faultBurst: 10,
  faultsPerSecond: 1 / 60,
  /** all accounts together: a quarter of the thread, as gossip has another */
  nodeBurst: 100,
  nodePerSecond: 10,
  /** calls that may wait for the chain to show a registration, of one account and of all */
  waitingPerAccount: 4,
  waiting: 64,
  /** accounts that are remembered; the longest unused go first */
  accounts: 10_000,
} as const

/** What a peer says of where it is, signed by it. */
export const ADDRESS_RECORD = {
  /** 16 addresses of 100 bytes over relays, key and signature */
  maxBytes: 2 * KIB,
  /** two relays and two networks, each by TCP, WebSocket and WebRTC, and some left */
  maxAddresses: 16,
  /** from its sequence number on, which is the time at which it was signed */
  holdsMs: 48 * 3_600_000,
  /** how far a signer's clock may be ahead of ours */
  maxAheadMs: 3_600_000,
} as const

/** Gossip: members' address records. */
export const ADDRESS_TOPIC = {
  /** a record, its length and the version */
  maxBytes: ADDRESS_RECORD.maxBytes + 16,
  /** of one member: one in 10 s when its addresses change; some more in a row, as gossip is not in order */
  perSecond: 1 / 10,
  burst: 5,
  /** members whose rate is remembered */
  remembered: 1_000,
} as const

/** Gossip: what happens in storage challenges. */
export const CHALLENGE_TOPIC = {
  /** the largest, a commitment, has 71 */
  maxBytes: 128,
  /** an epoch has four at most */
  maxRounds: 4,
  /** of one member in a row, and then per second: it tells four things of a round at most */
  burst: 8,
  perSecond: 1 / 5,
  /** what it said that the chain did not show: so many in a row, then one a minute, are waited for */
  faultBurst: 4,
  faultsPerSecond: 1 / 60,
  /** that wait for the chain at once, of all members, and for how long */
  waiting: 16,
  waitMs: 5_000,
  /** looks at the chain that all members together may bring about: so many in a row, then one in five seconds */
  lookBurst: 4,
  looksPerSecond: 1 / 5,
  /** members whose rates are remembered */
  members: 1_000,
  /** what was told: two messages of each of 1,000 members, in a round and the one before */
  remembered: 4_100,
} as const

/** Name of the gossip topic of storage challenges, by the network's system object ID. */
export function challengeTopic(network: string): string {
  return `/floe/${network}/challenge/1`
}

/** Name of the gossip topic of members' address records, by the network's system object ID. */
export function addressTopic(network: string): string {
  return `/floe/${network}/address/1`
}

/** Name of the gossip topic of a network, by its system object ID. */
export function certifiedTopic(network: string): string {
  return `/floe/${network}/certified/1`
}

/**
 * Questions of where others are. To read 256 PeerIds takes 8 ms of the one thread, and when none is known nothing is sent
 * that would be paced: whoever asked without end would stop a node with a megabyte per second.
 */
export const PEERS = {
  /** of one account in a row, and then per second; a client asks for all that it lacks at once, and for no peer twice in 10 s */
  burst: 60,
  perSecond: 4,
  /** accounts whose rate is remembered */
  remembered: 10_000,
  /** when the answer is BUSY */
  retryMs: 1_000,
} as const

/** Dialling peers back that ask whether they can be dialled. */
export const REACH = {
  /** at a time, of a node */
  dials: 4,
  /** questions of one account in a row, and then one a minute: a node asks when its address changes, over IPv4 and IPv6 */
  burst: 4,
  perSecond: 1 / 60,
  /** accounts whose rate is remembered */
  remembered: 10_000,
  /** one port */
  dialMs: 5_000,
  /** what is below is some service of whoever shares the address */
  leastPort: 1_024,
  /** when the answer is BUSY */
  retryMs: 60_000,
} as const

/** Hole punching: two peers behind NATs connect in the same moment. */
export const PUNCH = {
  /** of both sides together with one peer, in a row and per minute: each is up to twelve SYN to addresses that it names */
  perPeerPerMinute: 4,
  /** of a node with all its peers: home routers' tables are small */
  perMinute: 30,
  /** of those, what others may begin: PeerIds cost nothing, and they are not to use up what this node begins itself */
  theirsPerMinute: 20,
  /** of those, what may be begun by peers that are no members, of whom anybody may be many */
  strangersPerMinute: 10,
  /** peers whose rate and whose failures are remembered; the longest unused go first */
  remembered: 10_000,
  /** after a failure, doubled up to the longest; forgotten when an address of either side changes */
  firstBackoffMs: 30_000,
  maxBackoffMs: 3_600_000,
  /** once a relay has answered over one family: lines on which the other leads nowhere are common */
  otherFamilyMs: 500,
  /** a relay that has not answered by then: kernels send a SYN again after a second only, and by then the other family's time is over */
  askAgainMs: 250,
  /** SYN in all, to whatever addresses */
  syns: 12,
  /** below the second after which kernels send a SYN again by themselves */
  attemptMs: 900,
  /** from `Go` on; all round trips that are not worth waiting for are in it */
  meetMs: 5_000,
  /** retries are spread over so long, or over a round trip: NATs that answer RST need two SYN that cross */
  spreadMs: 40,
  /** TLS or noise and the multiplexer, from an address that answered */
  upgradeMs: 5_000,
  /** sockets that are looked at; a listener that is open for 5 s is there for one peer */
  sockets: 8,
  /** what is no longer a server's own port below this may be some service of a third party */
  leastPort: 1_024,
  /** of a private address: that a peer is in the same network is but its word, and systems choose local ports from here on */
  leastInnerPort: 32_768,
} as const

/** STUN (RFC 5389): what a relay tells about the asker's own address. */
export const STUN = {
  /** of relays that do not say another */
  port: 3_478,
  /** what is below may be some service of whoever has the address: peers do not ask there */
  leastPort: 1_024,
  /** a header and two attributes for the software's name and the like */
  maxRequestBytes: 128,
  /** an answer is at most twice as long as its question, so that nobody is worth faking an address for */
  maxAnswerFactor: 2,
  /** of one address (IPv6: /64), over UDP and TCP together */
  perSecondPerAddress: 20,
  burstPerAddress: 40,
  /** addresses whose rate is remembered; the longest unused go first */
  remembered: 10_000,
  /** connections over TCP at a time, of all and of one address: a peer holds its own as long as it punches */
  connections: 256,
  connectionsPerAddress: 16,
  idleMs: 10_000,
  /** one question and its answer */
  timeoutMs: 3_000,
} as const
