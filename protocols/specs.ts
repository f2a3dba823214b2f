/**
 * The one table of limits. Each row is a protocol; a limit that is not here does not exist. Sizes are checked against it
 * before a byte is buffered, times bound every wait on a peer.
 */

const KIB = 1024
const MIB = 1024 * KIB

/** BCS of a primary sliver at n = 1000 with the largest symbol: 667 * 65,534 bytes, a length prefix, size and index. */
const LARGEST_SLIVER_BYTES = 667 * 65_534 + 8

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
    id: '/floe/fetch/1.0.0',
    maxRequestBytes: 64 * KIB,
    maxResponseBytes: 4 * KIB,
    maxBodyBytes: LARGEST_SLIVER_BYTES,
    responseTimeoutMs: 10_000,
    chunkTimeoutMs: CHUNK_TIMEOUT_MS,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    streamsPerPeer: 16,
    reason:
      'A request names up to 1,800 slivers of 35 bytes each; answers carry one header per sliver. 10 s are a disk under ' +
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
} as const satisfies Record<string, ProtocolSpec>

export type ProtocolName = keyof typeof SPECS

/** Hello, by both sides, before anything else on a stream. */
export const HELLO = {
  /** BCS of the versions' enum and 32 bytes; the rest is room for later versions */
  maxBytes: 256,
  /** one round trip on a bad line */
  timeoutMs: 10_000,
} as const

export const CLIENT = {
  /** dialling all of a peer's addresses; a reader rather asks another peer after that */
  dialTimeoutMs: 5_000,
  /** negotiating one stream on an open connection */
  openTimeoutMs: 5_000,
  /** how long an unused stream is kept for the next request: half of what servers grant */
  idleMs: 30_000,
} as const

/** What one peer may take of a node. Members of the committee count by PeerId, everybody else also by IP address. */
export interface PeerLimits {
  /** bytes of slivers that arrive, which the node holds in memory for the peer */
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
   * But it holds no more memory than one, or little more: who takes or sends slowly holds it for long, and others must not wait.
   */
  address: {
    bytesInFlight: 64 * MIB,
    pieces: 8,
    bytesPerSecond: 512 * MIB,
    burstBytes: 1024 * MIB,
    failures: 120,
    failureWindowMs: 60_000,
  },
  /** bytes of arriving slivers in memory for all peers together; with the pieces, what a node is given on a small machine */
  nodeBytesInFlight: 256 * MIB,
  /** 128 MiB: eight addresses that take nothing on any stream still leave nobody out for longer than a chunk's time limit */
  nodePieces: 64,
  /** a sliver is read through before it is sent: so many at a time, as more would only make the disk jump */
  diskReads: 8,
  /** peers and addresses that are remembered at most; the idle ones go first */
  accounts: 10_000,
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
   * Checks of all members' messages together: each costs 25 ms of BLS on the one thread, so this is a quarter of it. What
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
  /** who may wait for the chain to show a registration, of one account and of all */
  waitingPerAccount: 4,
  waiting: 64,
  /** accounts that are remembered; the longest unused go first */
  accounts: 10_000,
} as const

/** Name of the gossip topic of a network, by its system object ID. */
export function certifiedTopic(network: string): string {
  return `/floe/${network}/certified/1`
}
