/** What the server holds for strangers; one table, each row with its reason. */
export const SERVER_LIMITS = {
  /** twice what a transaction may have, in base64 */
  maxBodyBytes: 1024 * 1024,
  /** of the faucet's and the admin's requests */
  maxRouteBytes: 16 * 1024,
  /** of all addresses: far below what a process may open */
  maxConnections: 4096,
  /** an IPv6 address counts as its /64; a quarter, so that no one address keeps the others out */
  maxConnectionsPerAddress: 1024,
  /** bodies that are being read; a hundred transactions at once */
  maxBodyBytesPerAddress: 64 * 1024 * 1024,
  /** calls under way, streams included */
  maxCallsPerAddress: 1024,
  /** requests under way on one connection of HTTP/1.1: programs do not pipeline */
  maxPipelined: 16,
  /** streams that wait for what happens: each costs something at every checkpoint */
  maxSubscriptions: 1000,
  maxSubscriptionsPerAddress: 100,
  /** until the first bytes of a connection are there */
  firstBytesMs: 10_000,
  /** until the headers are, and the whole body */
  headersMs: 20_000,
  bodyMs: 30_000,
  /** with node's 5 s, a client whose process was busy that long sends its next call into a connection just closed */
  keepAliveMs: 60_000,
  /** until a caller takes what was written for it */
  stalledMs: 60_000,
  /** how long a caller may take to read what is left for it when the server closes */
  goodbyeMs: 1000,
  /** streams of one HTTP/2 connection */
  maxStreams: 128,
  maxHeaderBytes: 16 * 1024,
  /** a status message in trailers */
  maxMessageLength: 1024,
} as const

export type ServerLimits = { readonly [K in keyof typeof SERVER_LIMITS]: number }
