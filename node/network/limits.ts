/** Settings of libp2p, each with its reason. */

const MIB = 1024 * 1024

export const MUXER = {
  // the keep-alive notices dead lines that TCP does not report
  enableKeepAlive: true,
  maxInboundStreams: 256, // 16 streams of each protocol and the services' own, with room
  maxOutboundStreams: 256,
  streamOptions: {
    // what arrives while a reader pauses is at most one window: it must fit the buffer, or the stream is reset
    maxStreamWindowSize: 2 * MIB,
    maxReadBufferLength: 4 * MIB,
  },
} as const

export const SOCKET = {
  noDelay: true, // small requests must not wait for acknowledgements
  // longer than the longest idle time of a stream, so that idle connections end by decision and not by accident
  inboundSocketInactivityTimeout: 5 * 60_000,
  outboundSocketInactivityTimeout: 5 * 60_000,
} as const

export const CONNECTIONS = {
  maxConnections: 1_000, // 300 by default: a committee of 100 nodes and a few hundred readers
  maxIncomingPendingConnections: 100, // 10 by default: a client's parallel dials through one NAT are more
  inboundConnectionThreshold: 100, // per second and host; 5 by default would lock out households and the devnet
  maxParallelDials: 100,
  addressDialTimeout: 4_000, // below the client's limit for a whole dial, so that a second address has its chance
  dialTimeout: 10_000,
} as const

/** Pings that tell whether a peer is still there. */
export const MONITOR = {
  pingInterval: 60_000,
  // 5 s by default: a ping waits behind the data of its connection, and a home line needs longer for the 16 MiB that
  // eight streams may have in their windows; a peer that is gone is noticed by the time limits of its requests
  pingTimeout: { minTimeout: 30_000 },
} as const

const MINUTE_MS = 60_000

/**
 * When a node first looks for its neighbours in the DHT, which makes it dial all of them. One second after the start, as
 * is the default, nodes that start together did 2 s of handshakes just when the first blob came.
 */
export const firstSelfQueryMs = (): number => (1 + 4 * Math.random()) * MINUTE_MS

/** Gossip: what neighbours may send us. */
export const GOSSIP = {
  maxInboundDataLength: 256 * 1024, // one RPC; ours carry messages of at most 16 KiB and control data
  maxOutboundBufferSize: 4 * MIB, // a neighbour that does not read is dropped rather than buffered for
} as const
