/** What a relay grants, each number with its reason. What an operator may set is in `RelayLimits`; these are its defaults. */

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

export const RELAY = {
  /** peers that may be called; 0.14 MB of heap each, and a committee of 100 with room */
  reservations: 128,
  /** of one IP address (IPv6: /64), members not counted: PeerIds cost nothing, addresses do */
  reservationsPerAddress: 8,
  /** asked for again long before; ended with its connection anyway */
  reservationMs: HOUR_MS,

  /**
   * a member that was here is waited for by calls and requests to it: nodes are back 5 s after their relay's restart, or a change of their
   * network, and who stores gives a node up that is not to be had. Longer nobody waits: one that is off would hold up each upload
   */
  comesBackMs: 8_000,
  /** that wait so, of all, of an address, and for a peer: none of them has taken another's place yet */
  awaiting: 200,
  awaitingPerAddress: 100,
  awaitingPerPeer: 50,

  /** circuits at a time: each holds two windows a direction at most, 128 MiB of all */
  circuits: 64,
  /** of who calls: a client that stores calls all private nodes of a community at once, ten of them and more */
  circuitsPerSource: 16,
  /** of one IP address that calls, members not counted: an office with a few such clients; nobody takes all with PeerIds */
  circuitsPerAddress: 32,
  /** of who is called: its line is shared by these */
  circuitsPerTarget: 16,
  /** the network is not cut for long use: a circuit ends when no byte has moved for so long */
  idleMs: 2 * MINUTE_MS,

  /** together, both directions: what a line of 1 Gbit/s carries in and out at the same time, at some 12 CPU s/GiB half a core */
  bytesPerSecond: 64 * MIB,
  /** of all circuits of one reservation: one home's line of 250 Mbit/s */
  bytesPerSecondPerReservation: 32 * MIB,
  /** of all circuits from one IP address */
  bytesPerSecondPerAddress: 32 * MIB,
  /** of a calendar month (UTC), in bytes that were passed on: what a small rented server has, in and out */
  bytesPerMonth: 1024 * GIB,

  /** a source rests for so long at most: by then its circuit has been idle for too long, and is over */
  longestRestMs: 5 * MINUTE_MS,

  /** questions of one address (reserve, connect); a client that stores connects to a committee of 100 */
  asksPerSecond: 10,
  askBurst: 200,
  /** addresses whose rates are remembered; the longest unused go first */
  remembered: 10_000,

  /** HTTP requests that are passed on at a time, of all, of an address, and to a node: one that answers slowly does not take all */
  proxied: 16,
  proxiedPerAddress: 4,
  proxiedPerNode: 8,
  /** that wait for these: Walrus's SDK sends all slivers of a blob at once, 200 of 100 shards, and what is refused is not sent again */
  proxiedWaiting: 400,
  proxiedWaitingPerAddress: 200,
  /** that SDK gives a request up after 30 s */
  proxiedWaitMs: 20_000,
  proxyRetryMs: 1_000,
  /** for a member that was waited for in vain */
  awayRetryMs: 30_000,

  /**
   * of the relay's web: readers of its page, scrapers, and a connection for each request that is passed on or waits, which takes up to 72 KiB;
   * fewer than may do so, so that none of them is refused
   */
  webConnections: 384,
  webConnectionsPerAddress: 192,
  /**
   * that wait beside these, of all and of an address, each some 6 KiB while nothing is read of it: that SDK opens one for each sliver, 2,000
   * of 1,000 shards
   */
  webWaiting: 4_096,
  webWaitingPerAddress: 2_304,
  webWaitMs: 30_000,

  /** questions of where members are, and of who can be dialled, that are answered at a time: each answer may be half a MiB */
  answers: 16,
  answersPerAddress: 4,
  answerRetryMs: 1_000,

  /** open status pages that are told how things stand each second, of all and of an address: an office has one or two */
  listeners: 16,
  listenersPerAddress: 4,
  listenerRetryMs: MINUTE_MS,

  /** no new circuits above this, of 256 MiB */
  fullRssBytes: 224 * MIB,
  /** `GET /health` fails above this */
  unhealthyRssBytes: 240 * MIB,
} as const

/** What an operator may set, in `relay.json`. */
export type RelayLimits = {
  [Name in
    | 'reservations'
    | 'reservationsPerAddress'
    | 'circuits'
    | 'circuitsPerSource'
    | 'circuitsPerAddress'
    | 'circuitsPerTarget'
    | 'bytesPerSecond'
    | 'bytesPerSecondPerReservation'
    | 'bytesPerSecondPerAddress'
    | 'bytesPerMonth']: number
}

export const RELAY_LIMITS: RelayLimits = {
  reservations: RELAY.reservations,
  reservationsPerAddress: RELAY.reservationsPerAddress,
  circuits: RELAY.circuits,
  circuitsPerSource: RELAY.circuitsPerSource,
  circuitsPerAddress: RELAY.circuitsPerAddress,
  circuitsPerTarget: RELAY.circuitsPerTarget,
  bytesPerSecond: RELAY.bytesPerSecond,
  bytesPerSecondPerReservation: RELAY.bytesPerSecondPerReservation,
  bytesPerSecondPerAddress: RELAY.bytesPerSecondPerAddress,
  bytesPerMonth: RELAY.bytesPerMonth,
}

/** When who was refused may come again. */
export const RETRY_MS = {
  full: MINUTE_MS,
  address: MINUTE_MS,
  source: 5_000,
  target: 5_000,
  denied: HOUR_MS,
  memory: 10_000,
  rate: 2_000,
  // it is most likely started again
  stopping: 1_000,
} as const
